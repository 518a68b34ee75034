//! Phases that root starts and that go on as the build user: what only root may read, ask and open they still use, for
//! registries that become known later, too; buildpacks do not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use baler_test_registry::{Options, TestRegistry, Tls};

use super::{BUILD, Kind, PAIR, Scene, auth};
use crate::support::{Authority, Docker, Outcome, Place, User, buildpack, outcome, phase, run_image, write};

/// Says what it can see of the variables of all processes. (Command lines are not hidden: those of other tests have secrets.)
const SPY: &str = "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' || true";

/// A scene in which the directory `root` is root's alone. It has all that is needed to get into the registry of the scene.
struct Closed {
    scene: Scene,
    /// A registry of which nothing is known when a phase starts.
    other: TestRegistry,
}

impl Closed {
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIP: needs root, whose files they are");
            return None;
        }
        let authority = Authority::new()?;
        let tls = Tls { client_authority: Some(authority.read("ca.pem")), ..authority.tls("IP:127.0.0.1") };
        let scene = Scene::with(User::Caller, Kind::Tokens, Some(tls))?;
        let other = TestRegistry::start(Options { auth: auth(Kind::Basic), ..Options::default() }).unwrap();
        other.push_image("team/run", Some("new"), &run_image("new", "linux/amd64")).unwrap();
        let closed = Self { scene, other };
        let root = closed.root();
        let answer = format!("{{\"Username\": \"me\", \"Secret\": \"{}\"}}", super::PASSWORD);
        write(&root.join("state"), &answer);
        write(&root.join("docker/config.json"), r#"{"credsStore": "closed"}"#);
        let (root_text, helper) = (root.display(), root.join("bin/docker-credential-closed"));
        let script = format!("host=$(cat)\n(echo $1 $host; id -u; env) >>{root_text}/asked\ncat {root_text}/state");
        write(&helper, &format!("#!/bin/sh\nset -e\n{script}\n"));
        let certificates = root.join(".docker/certs.d").join(&closed.scene.host);
        let (certificate, key) = authority.sign("client", "DNS:client", "2");
        for (from, to) in [
            (authority.path("ca.pem"), root.join("ca.pem")),
            (certificate, certificates.join("me.cert")),
            (key, certificates.join("me.key")),
        ] {
            write(&to, &std::fs::read_to_string(from).unwrap());
        }
        outcome(std::process::Command::new("chmod").args(["-R", "u=rwX,go="]).arg(&root)).success();
        std::fs::set_permissions(helper, std::fs::Permissions::from_mode(0o700)).unwrap();
        closed.arrange();
        Some(closed)
    }

    /// Writes what phases need besides.
    fn arrange(&self) {
        let place = &self.scene.place;
        let state = self.root().join("state");
        let spy = format!("{SPY}\ncat {} 2>/dev/null || echo it is closed", state.display());
        buildpack(place, "spy", &spy, &format!("{spy}\n{BUILD}"));
        std::fs::create_dir_all(self.path("buildpacks/test_spy")).unwrap();
        std::fs::rename(self.path("spy"), self.path("buildpacks/test_spy/1")).unwrap();
        write(&self.path("order.toml"), "[[order]]\n[[order.group]]\nid = \"test/spy\"\nversion = \"1\"\n");
        write(&self.path("launcher"), "a launcher\n");
        write(&self.path("platform/env/X"), "x");
        // The first is not there, and the second is tried then.
        let images = format!("image = \"{}\"\nmirrors = [\"{}\"]", self.scene.name("none"), self.scene.name("run:1"));
        write(&self.path("run.toml"), &format!("[[images]]\n{images}\n"));
        std::fs::create_dir_all(self.path("layers")).unwrap();
        std::fs::set_permissions(self.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scene.path().join(name)
    }

    fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// Runs a phase; `more` are variables besides those that say where everything is.
    #[track_caller]
    fn phase(&self, program: &str, arguments: &[&str], more: &[(&str, String)]) -> Outcome {
        let text = |path: PathBuf| path.display().to_string();
        let root = self.root();
        let variables = [
            ("HOME", text(root.clone())),
            ("DOCKER_CONFIG", text(root.join("docker"))),
            ("SSL_CERT_FILE", text(root.join("ca.pem"))),
            ("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", root.join("bin").display())),
            ("CNB_REGISTRY_AUTH", format!(r#"{{"third.example": "Basic {PAIR}"}}"#)),
        ];
        let arguments = [&["-log-level", "debug"], arguments].concat();
        phase(&self.scene.place, program, &arguments, &[&variables[..], more].concat()).success()
    }

    /// Runs `creator` and the other phases, with further flags; the names are those of the run image and of the application.
    fn all(&self, flags: &[&str], more: &[(&str, String)]) -> Vec<Outcome> {
        let (cache, app) = (self.scene.name("cache"), self.scene.name("app"));
        let building = ["-platform", "platform", "-buildpacks", "buildpacks", "-order", "order.toml"];
        let exporting = ["-layers", "layers", "-app", "app", "-launcher", "launcher", "-run", "run.toml"];
        let cache = ["-cache-image", &cache];
        let run =
            |program: &str, arguments: &[&[&str]]| self.phase(program, &[&[flags], arguments].concat().concat(), more);
        vec![
            run("analyzer", &[&["-layers", "layers", "-run", "run.toml"], &cache, &[&app]]),
            run("creator", &[&building, &exporting, &cache, &[&app]]),
            run("restorer", &[&["-layers", "layers"], &cache]),
            run("exporter", &[&exporting, &cache, &[&app]]),
            run("rebaser", &[&["-report", "layers/report.toml"], &[&app]]),
        ]
    }
}

#[test]
fn each_phase_uses_what_only_root_may_read() {
    let Some(closed) = Closed::new() else { return };
    let outcomes = closed.all(&[], &[]);
    let told = format!("logging in to {} with the credentials of docker-credential-closed", closed.scene.host);
    for outcome in &outcomes {
        assert!(outcome.stdout.contains(&told), "{}", outcome.stdout);
    }
    assert_eq!(outcomes[1].stdout.matches("it is closed").count(), 2, "{}", outcomes[1].stdout);
    closed.scene.has_no_secret_outside(&outcomes, &[]);
    // The helper is root's, and gets none of the other credentials.
    let asked = std::fs::read_to_string(closed.root().join("asked")).unwrap();
    assert!(asked.contains(&format!("get {}\n0\n", closed.scene.host)) && !asked.contains(PAIR), "{asked}");
}

/// Nobody knows when the restorer starts where the image is that an extension has chosen.
#[test]
fn registries_that_become_known_later_are_no_others() {
    let Some(closed) = Closed::new() else { return };
    let image = format!("{}/team/run:new", closed.other.address());
    write(&closed.path("layers/analyzed.toml"), &format!("[run-image]\nimage = \"{image}\"\n"));
    let extension = "id = \"test/switch\"\nversion = \"1\"\napi = \"0.12\"\n";
    write(&closed.path("layers/group.toml"), &format!("[[group-extensions]]\n{extension}"));
    let said = closed.phase("restorer", &["-layers", "layers"], &[]).stdout;
    let told = format!("logging in to {} with the credentials of docker-credential-closed", closed.other.address());
    assert!(said.contains(&told), "{said}");
    let analyzed = std::fs::read_to_string(closed.path("layers/analyzed.toml")).unwrap();
    assert!(analyzed.contains(&format!("reference = \"{}/team/run@sha256:", closed.other.address())), "{analyzed}");
}

#[test]
fn each_phase_reaches_a_daemon_that_only_root_may_ask() {
    let Some(closed) = Closed::new() else { return };
    let Some(docker) = Docker::start() else { return };
    let place: &Place = &closed.scene.place;
    place.run(&["save", "test-run", "--output", "run.tar"]).success();
    docker.run(&["load", "--input", closed.path("run.tar").to_str().unwrap()]).success();
    docker.run(&["tag", "test-run", &closed.scene.name("run:1")]).success();
    let socket = docker.address().trim_start_matches("unix://").to_owned();
    rustix::fs::chown(Path::new(&socket), Some(rustix::fs::Uid::ROOT), Some(rustix::fs::Gid::ROOT)).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).unwrap();
    let outcomes = closed.all(&["-daemon"], &[("DOCKER_HOST", docker.address())]);
    closed.scene.has_no_secret_outside(&outcomes, &[]);
    let names = docker.run(&["images", "--format", "{{.Repository}}"]).success().stdout;
    assert!(names.lines().any(|name| name == closed.scene.name("app")), "{names}");
}
