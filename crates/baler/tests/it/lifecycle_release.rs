//! `[lifecycle] version` of builder.toml: the releases of the reference, as they are published.

use std::path::Path;
use std::process::Command;

use baler_test_registry::{Fault, Options, Rule, TestRegistry};

use crate::support::{Authority, Outcome, Place, Proxy, User, buildpack, outcome, write};

const RELEASES: &str = "/buildpacks/lifecycle/releases/download";

/// Somebody who is taken for GitHub, and for the place to which it leads for files.
struct Web {
    place: Place,
    github: TestRegistry,
    proxy: Proxy,
}

impl Web {
    fn new() -> Option<Self> {
        let place = Place::with_builder(User::Caller, &["one"])?;
        let authority = Authority::new()?;
        buildpack(&place, "one", "exit 0", "exit 0");
        let tls = authority.tls("DNS:github.com,DNS:files.example");
        let github = TestRegistry::start(Options { tls: Some(tls), ..Options::default() }).unwrap();
        let proxy = Proxy::start(github.address());
        std::fs::copy(authority.path("ca.pem"), place.path().join("ca.pem")).unwrap();
        Some(Self { place, github, proxy })
    }

    /// Publishes a version, for the architecture that it calls so.
    fn publish(&self, version: &str, architecture: &str) {
        let name = format!("lifecycle-v{version}+linux.{architecture}.tgz");
        let location = ("location", format!("https://files.example/{name}"));
        let path = format!("{RELEASES}/v{version}/{name}");
        self.github.rule(Rule::new("GET", &path, Fault::Status(302, vec![location])).always());
        let answer = Fault::Answer(200, Vec::new(), archive(self.place.path(), version));
        self.github.rule(Rule::new("GET", &format!("/{name}"), answer).always());
    }

    /// Makes a builder with this `[lifecycle]`.
    fn create(&self, lifecycle: &str, variables: &[(&str, &str)]) -> Outcome {
        let config = std::fs::read_to_string(self.place.path().join("builder.toml")).unwrap();
        write(&self.place.path().join("with.toml"), &format!("{config}[lifecycle]\n{lifecycle}\n"));
        let mut command = self.place.command(&["builder", "create", "made", "--config", "with.toml"]);
        command.env("SSL_CERT_FILE", self.place.path().join("ca.pem"));
        command.env("HTTPS_PROXY", format!("http://user:pass@{}", self.proxy.address));
        outcome(command.envs(variables.iter().copied()))
    }
}

/// An archive as releases are: of what is called like the programs.
fn archive(directory: &Path, version: &str) -> Vec<u8> {
    let root = directory.join(format!("release-{version}"));
    let apis = "[apis.buildpack]\nsupported = [\"0.12\"]\n[apis.platform]\nsupported = [\"0.15\"]\n";
    write(&root.join("lifecycle.toml"), &format!("{apis}[lifecycle]\nversion = \"{version}\"\n"));
    for name in ["lifecycle", "launcher"] {
        write(&root.join("lifecycle").join(name), name);
    }
    for name in ["detector", "restorer", "analyzer", "builder", "exporter", "creator"] {
        std::os::unix::fs::symlink("lifecycle", root.join("lifecycle").join(name)).unwrap();
    }
    let mut tar = Command::new("tar");
    tar.args(["-czf", "release.tgz", "-C"]).arg(&root).args(["lifecycle.toml", "lifecycle"]).current_dir(directory);
    outcome(&mut tar).success();
    std::fs::read(directory.join("release.tgz")).unwrap()
}

#[test]
fn a_version_is_fetched_from_where_it_is_published() {
    let Some(web) = Web::new() else { return };
    web.publish("0.20.1", "x86-64");
    let made = web.create("version = \"v0.20.1\"", &[]).success();
    let url = "https://github.com/buildpacks/lifecycle/releases/download/v0.20.1/lifecycle-v0.20.1+linux.x86-64.tgz";
    assert!(made.stdout.contains(&format!("Downloading lifecycle 0.20.1 from {url}\n")), "{}", made.stdout);
    let inspected = web.place.run(&["builder", "inspect", "made"]).success().stdout;
    assert!(inspected.contains("0.20.1"), "{inspected}");
    let asked = web.proxy.asked();
    for host in ["github.com", "files.example"] {
        assert!(asked.iter().any(|head| head.starts_with(&format!("CONNECT {host}:443 "))), "{asked:?}");
    }
    // This program's own is here already.
    let count = asked.len();
    web.create("version = \"0.21.17\"", &[]).success();
    web.create("", &[]).success();
    assert_eq!(web.proxy.asked().len(), count);
    let inspected = web.place.run(&["builder", "inspect", "made"]).success().stdout;
    assert!(inspected.contains("0.21.17"), "{inspected}");
}

#[test]
fn what_is_not_published_or_not_reached_is_told_with_what_to_do() {
    let Some(web) = Web::new() else { return };
    let url = "https://github.com/buildpacks/lifecycle/releases/download/v9.9.9/lifecycle-v9.9.9+linux.x86-64.tgz";
    let asked_for = "ERROR: failed to create builder: fetch lifecycle: could not get version 9.9.9 of the lifecycle: could not download ";
    let instead = "hint: leave 'version' out for this program's own lifecycle, 0.21.17, or name an archive or a mirror of it with [lifecycle] uri\n";
    let refused = |variables: &[(&str, &str)], expected: &[&str]| {
        let said = web.create("version = \"9.9.9\"", variables).failure(1).stderr;
        assert!(said.starts_with(&format!("{asked_for}{url}")) && said.contains(instead), "{said}");
        for text in expected {
            assert!(said.contains(text), "{said}");
        }
    };
    let releases = "hint: https://github.com/buildpacks/lifecycle/releases lists the versions that there are";
    refused(&[], &[": the server answered 404\n", releases]);
    web.github.rule(Rule::new("GET", &format!("{RELEASES}/*"), Fault::status(403)));
    refused(&[], &[": the server answered 403\n", "hint: not everybody gets it"]);
    web.github.rule(Rule::new("GET", &format!("{RELEASES}/*"), Fault::status(503)).always());
    refused(&[], &[": the server answered 503\n", "hint: the server, or a proxy before it, is at fault"]);
    let untrusted = Authority::new().unwrap();
    let untrusted = untrusted.path("ca.pem").display().to_string();
    refused(&[("SSL_CERT_FILE", &untrusted)], &["from an authority that is not trusted", "hint: name its authority's"]);
    refused(&[("HTTPS_PROXY", "http://user:no@127.0.0.1:1")], &["the proxy 127.0.0.1:1 cannot be reached", "no_proxy"]);
    let none = web.create("version = \"latest\"", &[]).failure(1).stderr;
    assert!(none.contains("'lifecycle.version' must be a valid semver, which 'latest' is not"), "{none}");
}
