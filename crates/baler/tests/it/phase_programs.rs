//! The phases as programs of a lifecycle: how they reach registries and daemons.

use std::os::unix::fs::PermissionsExt as _;

use baler_test_registry::{Auth, Fault, Image, Options, Rule, TestRegistry, User as Account};

use crate::support::{Authority, Base, Place, Running, User, buildpack, outcome, phase, run_image, users, write};

/// An authority that only Docker's `certs.d` names, a certificate of ours that the registry wants, and a registry that is
/// busy once: a phase copes as `baler` does, and says at the level `debug` what it asked and what was tried again.
#[test]
fn a_registry_is_reached_as_by_baler() {
    let (Some(place), Some(authority)) = (Place::new(User::Caller), Authority::new()) else { return };
    let tls =
        baler_test_registry::Tls { client_authority: Some(authority.read("ca.pem")), ..authority.tls("IP:127.0.0.1") };
    let registry = TestRegistry::start(Options { tls: Some(tls), ..Options::default() }).unwrap();
    let run = Image::new("linux/amd64", vec![b"run".to_vec()]);
    registry.push_image("run", Some("1"), &run).unwrap();
    let directory = place.path().join(".docker/certs.d").join(registry.address());
    let (certificate, key) = authority.sign("client", "DNS:client", "2");
    std::fs::create_dir_all(&directory).unwrap();
    let files = [("ca.crt", authority.path("ca.pem")), ("client.cert", certificate), ("client.key", key)];
    for (name, from) in files {
        std::fs::copy(from, directory.join(name)).unwrap();
        std::fs::set_permissions(directory.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    std::fs::create_dir(place.path().join("layers")).unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    registry.rule(Rule::new("GET", "/v2/run/manifests/1", Fault::status(503)));
    let (image, app) = (format!("{}/run:1", registry.address()), format!("{}/app:1", registry.address()));
    let arguments = ["-layers", "layers", "-run-image", &image, "-log-level"];
    let analyze = |level: &str| {
        phase(&place, "analyzer", &[&arguments[..], &[level, "-analyzed", "layers/analyzed.toml", &app]].concat(), &[])
    };
    // Flags go before the image.
    let told = analyze("debug");
    let told = told.success().stdout;
    let url = format!("https://{}/v2/run/manifests/1", registry.address());
    assert!(told.contains("try 1 of 5 failed, the next is in"), "{told}");
    assert!(told.contains(&format!("GET {url}: 503")) && told.contains(&format!("GET {url}: 200")), "{told}");
    let analyzed = std::fs::read_to_string(place.path().join("layers/analyzed.toml")).unwrap();
    assert!(analyzed.contains(&format!("{}/run@{}", registry.address(), run.digest())), "{analyzed}");
    let quiet = analyze("info").success().stdout;
    assert!(!quiet.contains("GET ") && !quiet.contains("try 1"), "{quiet}");
    // Without the certificates it is said what is wrong.
    std::fs::remove_dir_all(place.path().join(".docker")).unwrap();
    let failed = analyze("info");
    assert_ne!(failed.code, Some(0));
    assert!(failed.stdout.contains("its certificate is from an authority that is not trusted"), "{}", failed.stdout);
}

/// The creator has credentials, and starts buildpacks of the same user: they cannot look into it.
#[test]
fn buildpacks_do_not_see_the_credentials_of_the_creator() {
    for user in users() {
        let Some(place) = Place::new(user) else { return };
        let Some(base) = Base::get() else { return };
        let me = Account::new("me", "of-the-creator");
        let registry = TestRegistry::start(Options { auth: Auth::Basic(vec![me]), ..Options::default() }).unwrap();
        let run = format!("{}/run:1", registry.address());
        // me:of-the-creator
        let secret = "bWU6b2YtdGhlLWNyZWF0b3I=";
        let login = ("CNB_REGISTRY_AUTH", format!(r#"{{"{}": "Basic {secret}"}}"#, registry.address()));
        let image = format!("oci:{}:test-run", base.path().display());
        outcome(place.command(&["push", &image, &run]).envs([login.clone()])).success();
        let spy = "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' || true; echo looked around";
        buildpack(&place, "spy", spy, spy);
        let buildpacks = place.path().join("buildpacks/test_spy");
        std::fs::create_dir_all(&buildpacks).unwrap();
        std::fs::rename(place.path().join("spy"), buildpacks.join("1")).unwrap();
        write(&place.path().join("order.toml"), "[[order]]\n[[order.group]]\nid = \"test/spy\"\nversion = \"1\"\n");
        write(&place.path().join("launcher"), "a launcher\n");
        for name in ["layers", "app", "platform"] {
            std::fs::create_dir(place.path().join(name)).unwrap();
        }
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        // Giving the tree to the user is left to the phase where root starts it.
        let app = format!("{}/app:1", registry.address());
        let arguments = [
            "-layers",
            "layers",
            "-app",
            "app",
            "-platform",
            "platform",
            "-buildpacks",
            "buildpacks",
            "-order",
            "order.toml",
            "-launcher",
            "launcher",
            "-run-image",
            &run,
            "-log-level",
            "debug",
            &app,
        ];
        let said = phase(&place, "creator", &arguments, &[login]).success().stdout;
        assert!(said.matches("looked around").count() >= 2, "{said}");
        assert!(!said.contains(secret), "{said}");
    }
}

/// Exports one layer and one process into a daemon.
fn export_into(place: &Place, daemon: &[(&str, String)]) {
    let module = "id = \"test/cat\"\nversion = \"1\"\napi = \"0.12\"\n";
    let layers = place.path().join("out-layers");
    std::fs::create_dir(&layers).unwrap();
    std::fs::copy(place.path().join("layers/analyzed.toml"), layers.join("analyzed.toml")).unwrap();
    let switch = "id = \"test/switch\"\nversion = \"1\"\napi = \"0.12\"\n";
    write(&layers.join("group.toml"), &format!("[[group]]\n{module}[[group-extensions]]\n{switch}"));
    let process =
        "[[processes]]\ntype = \"web\"\ncommand = [\"cat\"]\nargs = []\ndirect = true\nbuildpack-id = \"test/cat\"\n";
    let metadata = format!("[[buildpacks]]\n{module}[[extensions]]\n{switch}{process}");
    write(&layers.join("config/metadata.toml"), &metadata);
    write(&place.path().join("run.toml"), "[[images]]\nimage = \"registry.invalid/other\"\n");
    write(&layers.join("test_cat/data/file"), "x\n");
    write(&layers.join("test_cat/data.toml"), "[types]\nlaunch = true\n");
    write(&place.path().join("app/file"), "text\n");
    write(&place.path().join("launcher"), "a launcher\n");
    // The exporter gives nothing to its user: the phases before it have.
    std::fs::set_permissions(&layers, std::fs::Permissions::from_mode(0o777)).unwrap();
    let arguments =
        ["-daemon", "-layers", "out-layers", "-app", "app", "-launcher", "launcher", "-run", "run.toml", "app"];
    phase(place, "exporter", &arguments, daemon).success();
}

/// `restorer -daemon` and `exporter -daemon` after an extension has switched: the new run image is the daemon's own, with the
/// id that it has there, the application stands on it, and one that the daemon lacks is said to be absent, with its place.
#[test]
fn a_switched_run_image_is_the_daemons() {
    let engines = [Running::classic_docker(), Running::containerd_docker(), Running::podman()];
    for running in engines.into_iter().flatten() {
        let Some(place) = Place::new(User::Caller) else { return };
        let registry = TestRegistry::start(Options::default()).unwrap();
        let image = run_image("new", "linux/amd64");
        registry.push_image("team/run", Some("new"), &image).unwrap();
        let name = format!("{}/team/run:new", registry.address());
        place.run(&["pull", &name]).success();
        place.run(&["save", &name, "--output", "run.tar"]).success();
        let daemon = [("DOCKER_HOST", running.address())];
        std::fs::create_dir(place.path().join("layers")).unwrap();
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let group = "[[group-extensions]]\nid = \"test/switch\"\nversion = \"1\"\napi = \"0.12\"\n";
        write(&place.path().join("layers/group.toml"), group);
        let restore = || {
            write(&place.path().join("layers/analyzed.toml"), &format!("[run-image]\nimage = \"{name}\"\n"));
            phase(&place, "restorer", &["-daemon", "-layers", "layers"], &daemon)
        };
        let absent = restore();
        assert_ne!(absent.code, Some(0));
        let expected = format!("run image '{name}' does not exist in ");
        assert!(absent.stdout.contains(&expected) && absent.stdout.contains(&running.address()), "{}", absent.stdout);
        assert!(!absent.stdout.contains("no layers"), "{}", absent.stdout);

        running.load(&place.path().join("run.tar"));
        restore().success();
        let analyzed = std::fs::read_to_string(place.path().join("layers/analyzed.toml")).unwrap();
        let inspected = outcome(
            place.command(&["inspect", "--local", &format!("docker-daemon:{name}"), "-o", "json"]).envs(daemon.clone()),
        );
        let inspected = inspected.success().stdout;
        // The first reference is that of the previous image, which is none.
        let (_, run_image) = analyzed.split_once("[run-image]").unwrap();
        let reference = run_image.lines().find_map(|line| line.strip_prefix("reference = ")).unwrap().trim_matches('"');
        let id = reference.rsplit_once('@').map_or(reference, |(_, digest)| digest);
        assert!(id.len() >= 64 && inspected.contains(id), "{analyzed} {inspected}");
        assert!(analyzed.contains(&format!("image = \"{name}\"")), "{analyzed}");
        assert!(analyzed.contains("[run-image.target]") && analyzed.contains("arch = \"amd64\""), "{analyzed}");

        let reference = reference.to_owned();
        export_into(&place, &daemon);
        let inspect = ["inspect", "--local", "docker-daemon:app", "-o", "json"];
        let inspected = outcome(place.command(&inspect).envs(daemon.clone())).success().stdout;
        let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
        let recorded = inspected["local_info"]["labels"]["io.buildpacks.lifecycle.metadata"].clone();
        let recorded: serde_json::Value =
            recorded.as_str().map_or(recorded.clone(), |text| serde_json::from_str(text).unwrap());
        let config: serde_json::Value = serde_json::from_slice(&image.config.1).unwrap();
        let run_image = &recorded["runImage"];
        assert_eq!(
            run_image["topLayer"],
            *config["rootfs"]["diff_ids"].as_array().unwrap().last().unwrap(),
            "{run_image}"
        );
        assert_eq!(run_image["reference"], reference, "{run_image}");
        assert_eq!(run_image["image"], name, "{run_image}");
        // It starts, with the variable that the new run image has and no other.
        let run = ["run", "docker-daemon:app", "--entrypoint", "sh", "--", "-c", "echo this is $RUN_IMAGE"];
        let said = outcome(place.command(&run).envs(daemon.clone())).success().stdout;
        assert_eq!(said.lines().last(), Some("this is new"), "{said}");
    }
}
