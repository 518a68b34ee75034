//! Certificates and proxies, as the user has them set up: by the program and by a phase.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Kind, PAIR, Scene};
use crate::support::{Authority, Outcome, Proxy, User, write};

type Variables = Vec<(&'static str, String)>;

fn login(host: &str) -> (&'static str, String) {
    ("CNB_REGISTRY_AUTH", format!(r#"{{"{host}": "Basic {PAIR}"}}"#))
}

fn copy(from: &Path, directory: &Path, name: &str) {
    std::fs::create_dir_all(directory).unwrap();
    std::fs::copy(from, directory.join(name)).unwrap();
    std::fs::set_permissions(directory.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
}

fn all_succeed(outcomes: [Outcome; 3]) {
    for outcome in outcomes {
        outcome.success();
    }
}

/// Fails unless all three say `text` and fail.
fn all_say(outcomes: [Outcome; 3], text: &str) {
    for outcome in outcomes {
        assert_ne!(outcome.code, Some(0));
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(said.contains(text), "{said}");
    }
}

#[test]
fn authorities() {
    let Some(authority) = Authority::new() else { return };
    let Some(scene) = Scene::with(User::Caller, Kind::Basic, Some(authority.tls("IP:127.0.0.1"))) else { return };
    let with = |more: Variables| [vec![login(&scene.host)], more].concat();
    let all = |variables: Variables| scene.all(&with(variables), (&[], &[]));
    all_say(all(Vec::new()), "its certificate is from an authority that is not trusted");
    let authorities = scene.path().join("authorities");
    copy(&authority.path("ca.pem"), &authorities, "ours");
    let file = authorities.join("ours").display().to_string();
    all_succeed(all(vec![("SSL_CERT_FILE", file)]));
    let directories = format!("/nowhere:{}", authorities.display());
    all_succeed(all(vec![("SSL_CERT_DIR", directories)]));
    all_say(
        all(vec![("SSL_CERT_FILE", "/nowhere.pem".to_owned())]),
        "could not read the certificate authorities of /nowhere.pem",
    );
    for directory in [".docker/certs.d", ".config/docker/certs.d", ".config/containers/certs.d"] {
        let directory = scene.path().join(directory).join(&scene.host);
        copy(&authority.path("ca.pem"), &directory, "ca.crt");
        all_succeed(all(Vec::new()));
        std::fs::remove_dir_all(directory).unwrap();
    }
    // Without verification, where that is said.
    let insecure =
        scene.all(&with(Vec::new()), (&["--insecure-registry", &scene.host], &["-insecure-registry", &scene.host]));
    all_succeed(insecure);
    let by_variable = [login(&scene.host), ("CNB_INSECURE_REGISTRIES", scene.host.clone())];
    scene.analyze(&by_variable, &[]).success();
}

#[test]
fn a_certificate_of_ours() {
    let Some(authority) = Authority::new() else { return };
    let client_authority = Some(authority.read("ca.pem"));
    let tls = baler_test_registry::Tls { client_authority, ..authority.tls("IP:127.0.0.1") };
    let Some(scene) = Scene::with(User::Caller, Kind::Tokens, Some(tls)) else { return };
    let all = || scene.all(&[login(&scene.host)], (&[], &[]));
    let directory = scene.path().join(".docker/certs.d").join(&scene.host);
    copy(&authority.path("ca.pem"), &directory, "ca.crt");
    let lacks = all();
    let hint = format!("as NAME.cert and NAME.key into ~/.docker/certs.d/{}/", scene.host);
    assert!(lacks[0].stderr.contains(&hint), "{}", lacks[0].stderr);
    all_say(lacks, "it takes only those who show a certificate");
    let (certificate, key) = authority.sign("client", "DNS:client", "2");
    copy(&certificate, &directory, "me.cert");
    all_say(all(), &directory.join("me.key").display().to_string());
    copy(&key, &directory, "me.key");
    all_succeed(all());
    // One of somebody whom the registry does not know.
    let other = Authority::new().unwrap();
    let stranger = other.sign("client", "DNS:client", "2");
    copy(&stranger.0, &directory, "me.cert");
    copy(&stranger.1, &directory, "me.key");
    all_say(all(), "did not take ours");
    write(&directory.join("me.key"), "no key\n");
    all_say(all(), "not PEM");
}

/// A host that is found through the proxy alone, with and without TLS; the proxy wants a password of its own.
#[test]
fn proxies() {
    let Some(authority) = Authority::new() else { return };
    for tls in [Some(authority.tls("DNS:registry.example")), None] {
        let is_plain = tls.is_none();
        let Some(scene) = Scene::with(User::Caller, Kind::Tokens, tls) else { return };
        let scene = Scene { host: "registry.example".to_owned(), ..scene };
        let proxy = Proxy::start(scene.address.clone());
        copy(&authority.path("ca.pem"), scene.path(), "ca.pem");
        let through = |variable: &'static str, user: &str| -> Variables {
            let authorities = ("SSL_CERT_FILE", scene.path().join("ca.pem").display().to_string());
            vec![login(&scene.host), authorities, (variable, format!("http://{user}@{}", proxy.address))]
        };
        let insecure =
            (&["--insecure-registry", "registry.example"][..], &["-insecure-registry", "registry.example"][..]);
        let flags = if is_plain { insecure } else { (&[][..], &[][..]) };
        for variable in if is_plain { ["HTTP_PROXY", "http_proxy"] } else { ["HTTPS_PROXY", "https_proxy"] } {
            let mut variables = through(variable, "user:pass");
            if is_plain {
                variables.push(("HTTPS_PROXY", format!("http://user:pass@{}", proxy.address)));
            }
            let outcomes = scene.all(&variables, flags).map(Outcome::success);
            // The build gets the proxy, and so its password; the program says it nowhere.
            assert!(!outcomes[0].stdout.contains("user:pass") && !outcomes[2].stdout.contains("user:pass"));
        }
        let asked = proxy.asked();
        let port = if is_plain { 80 } else { 443 };
        assert!(asked.iter().any(|head| head.starts_with(&format!("CONNECT registry.example:{port} "))), "{asked:?}");
        if is_plain {
            continue;
        }
        let excepted = [through("HTTPS_PROXY", "user:pass"), vec![("NO_PROXY", ".example".to_owned())]].concat();
        let direct = scene.all(&excepted, flags);
        let said = format!("{}{}", direct[0].stdout, direct[0].stderr);
        assert!(
            said.contains("host of https://registry.example/") || said.contains("no name server answered"),
            "{said}"
        );
        let refused = scene.all(&through("HTTPS_PROXY", "user:s3cret-wrong"), flags);
        assert!(refused.iter().all(|outcome| !format!("{outcome:?}").contains("s3cret-wrong")));
        all_say(refused, "the proxy did not connect to https://registry.example/");
        let gone = vec![login(&scene.host), ("HTTPS_PROXY", "http://user:pass@127.0.0.1:1".to_owned())];
        all_say(scene.all(&gone, flags), "the proxy 127.0.0.1:1 cannot be reached");
        let none = vec![login(&scene.host), ("HTTPS_PROXY", "s3cret-wrong://".to_owned())];
        all_say(scene.all(&none, flags), "a proxy's address cannot be read");
        // This host is never behind a proxy.
        let count = proxy.asked().len();
        let variables = through("HTTPS_PROXY", "user:pass");
        let here = Scene { host: scene.address.clone(), ..scene };
        all_say(here.all(&variables[1..], (&[], &[])), "its certificate is for another host");
        assert_eq!(proxy.asked().len(), count);
    }
}
