//! Each kind of credentials, by the program and by a phase: it is used, it is said which was used and never what it is, and
//! nothing of it gets to a buildpack or into anything that a build leaves behind.

mod accepted;
mod as_root;
mod connections;
mod refused;

use std::path::Path;

use baler_test_registry::{Auth, Options, Storage, TestRegistry, Tls, TokenServer, User as Account};

use crate::support::{Outcome, Place, User, application, buildpack, outcome, phase};

const PASSWORD: &str = "s3cret-password";
/// `me` and the password.
const PAIR: &str = "bWU6czNjcmV0LXBhc3N3b3Jk";
const REFRESH: &str = "s3cret-refresh";
const SECRETS: [&str; 3] = [PASSWORD, PAIR, REFRESH];

/// Says all that it can see of the processes around it, and looks for files of credentials.
const SPY: &str = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | /bin/busybox tr '\\0' '\\n' || true\n\
    echo \"found: $(/bin/busybox find / -xdev -name config.json -o -xdev -name auth.json -o -xdev -name '*.key' 2>/dev/null || true)\"";
const BUILD: &str =
    "mkdir -p \"$1/data\"; env >\"$1/data/env\"; printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/data.toml\"";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Basic,
    /// Tokens, also for who only reads.
    Tokens,
}

fn auth(kind: Kind) -> Auth {
    let me = Account { refresh_token: Some(REFRESH.to_owned()), ..Account::new("me", PASSWORD) };
    match kind {
        Kind::Basic => Auth::Basic(vec![me]),
        Kind::Tokens => Auth::Token(TokenServer { anonymous_pull: false, ..TokenServer::new(vec![me]) }),
    }
}

/// A place, and a registry where nobody may do anything who is not logged in. It has a run image, `team/run:1`.
struct Scene {
    place: Place,
    registry: TestRegistry,
    address: String,
    /// The registry as it stands in names, where that is not its address.
    host: String,
}

impl Scene {
    fn new(user: User, kind: Kind) -> Option<Self> {
        Self::with(user, kind, None)
    }

    fn with(user: User, kind: Kind, tls: Option<Tls>) -> Option<Self> {
        let place = Place::with_builder(user, &["spy"])?;
        buildpack(&place, "spy", SPY, &format!("{SPY}\n{BUILD}"));
        application(&place, &[("file", "text")]);
        place.create_builder();
        // What is in it was pushed before anybody had to log in.
        let storage = Storage::Directory(place.path().join("registry"));
        let open = TestRegistry::start(Options { storage: storage.clone(), ..Options::default() }).unwrap();
        place.run(&["push", "test-run", &format!("{}/team/run:1", open.address())]).success();
        drop(open);
        let registry = TestRegistry::start(Options { auth: auth(kind), tls, storage, ..Options::default() }).unwrap();
        let address = registry.address();
        Some(Self { place, registry, host: address.clone(), address })
    }

    fn name(&self, repository: &str) -> String {
        format!("{}/team/{repository}", self.host)
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    /// Runs the program with variables.
    fn run(&self, arguments: &[&str], variables: &[(&str, String)]) -> Outcome {
        let mut command = self.place.command(arguments);
        outcome(command.envs(variables.iter().map(|(name, value)| (*name, value))))
    }

    /// Pulls, publishes a build, and analyzes, each from nothing; `more` are flags of the program, and of the phase.
    fn all(&self, variables: &[(&str, String)], (more, of_phase): (&[&str], &[&str])) -> [Outcome; 3] {
        let (run, app) = (self.name("run:1"), self.name("app"));
        // It is there only from the second time on.
        self.run(&["rm", &run], &[]);
        let pull = self.run(&[&["-v", "pull", &run], more].concat(), variables);
        let build = ["-v", "build", &app, "--publish", "-p", "app", "-B", "builder", "--run-image", &run];
        let report = ["--report-output-dir", "report"];
        let build = self.run(&[&build, &report[..], more].concat(), variables);
        [pull, build, self.analyze(variables, of_phase)]
    }

    fn analyze(&self, variables: &[(&str, String)], more: &[&str]) -> Outcome {
        std::fs::create_dir_all(self.path().join("layers")).unwrap();
        let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        std::fs::set_permissions(self.path(), open).unwrap();
        let (run, phase_app) = (self.name("run:1"), self.name("phase"));
        let arguments = [&["-layers", "layers", "-run-image", &run, "-log-level", "debug"], more, &[&phase_app]];
        phase(&self.place, "analyzer", &arguments.concat(), variables)
    }

    /// Fails if a secret is where it must not be.
    fn has_no_secret_outside(&self, outcomes: &[Outcome], more: &[&str]) {
        let secrets: Vec<&str> = SECRETS.iter().chain(more).copied().collect();
        for outcome in outcomes {
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(!secrets.iter().any(|secret| said.contains(secret)), "{said}");
            assert!(!said.lines().any(|line| line.starts_with("found: /")), "{said}");
        }
        for directory in ["store", "report", "layers"] {
            search(&self.path().join(directory), &secrets);
        }
        let repositories = self.registry.repositories();
        for repository in repositories {
            for tag in self.registry.tags(&repository) {
                let manifest = self.registry.manifest(&repository, &tag).unwrap();
                let document: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
                let config = document["config"]["digest"].as_str().unwrap().parse().unwrap();
                let config = String::from_utf8(self.registry.blob(&repository, &config).unwrap()).unwrap();
                assert!(!secrets.iter().any(|secret| config.contains(secret)), "{config}");
            }
        }
    }
}

/// Fails if a file below a directory has one of the secrets.
fn search(directory: &Path, secrets: &[&str]) {
    let mut grep = std::process::Command::new("grep");
    let found = outcome(grep.args(["-rlaF"]).args(secrets.iter().flat_map(|secret| ["-e", secret])).arg(directory));
    // 1: it is nowhere; 2: there is no such directory.
    assert!(found.stdout.is_empty() && found.code != Some(0), "{}", found.stdout);
}
