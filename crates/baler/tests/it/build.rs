//! Building: the whole way, layers, rebuilds.

use crate::support::{Place, User, application, buildpack, outcome, users};

const WEB: &str = "mkdir -p \"$1/dep\" && echo dep >\"$1/dep/file\"
printf '[types]\\nlaunch = true\\ncache = true\\nbuild = true\\n[metadata]\\nv = \"1\"\\n' >\"$1/dep.toml\"
printf '[[processes]]\\ntype = \"web\"\\ncommand = [\"cat\", \"greeting\"]\\ndefault = true\\n' >\"$1/launch.toml\"
echo \"building in $(pwd)\"";

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["web"])?;
    buildpack(&place, "web", "exit 0", WEB);
    application(&place, &[("greeting", "hello from the app\n")]);
    place.create_builder();
    Some(place)
}

#[test]
fn an_application_is_built_and_runs_for_every_user() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let built = place.build(&[]).success();
        assert_eq!(built.stdout.lines().next(), Some("===> ANALYZING"), "{user:?}");
        assert!(built.stdout.contains("building in /workspace"), "{}", built.stdout);
        assert!(built.stdout.contains("Successfully built image 'app'"), "{}", built.stdout);
        assert_eq!(built.stderr, "", "{user:?}");
        let run = place.run(&["run", "app"]).success();
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("hello from the app\n", ""), "{user:?}");
    }
}

#[test]
fn a_rebuild_reuses_layers_and_gives_the_same_image() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let first = place.build(&["--quiet"]).success();
        let second = place.build(&[]).success();
        for line in
            ["Restoring metadata for \"test/web:dep\"", "Reusing layer 'test/web:dep'", "Reused 1/1 app layer(s)"]
        {
            assert!(second.stdout.contains(line), "{user:?}: {line} in\n{}", second.stdout);
        }
        assert_eq!(place.build(&["--quiet"]).success().stdout, first.stdout, "{user:?}");
    }
}

#[test]
fn a_changed_line_changes_only_the_application_layer() {
    let Some(place) = place(User::Caller) else { return };
    place.build(&[]).success();
    application(&place, &[("greeting", "changed\n")]);
    let second = place.build(&["--timings"]).success();
    assert!(second.stdout.contains("Reusing layer 'test/web:dep'"), "{}", second.stdout);
    assert!(second.stdout.contains("Added 1/1 app layer(s)"), "{}", second.stdout);
    assert!(second.stdout.contains("Timings:"), "{}", second.stdout);
    assert_eq!(place.run(&["run", "app"]).success().stdout, "changed\n");
}

#[test]
fn variables_reach_buildpacks_and_leave_no_trace() {
    let Some(place) = Place::with_builder(User::Caller, &["env"]) else { return };
    buildpack(&place, "env", "exit 0", "echo \"A=$A B=$B HOST=$HOST\"; cat \"$2/env/A\"; id -u; echo home=$HOME");
    application(&place, &[("x", "x")]);
    place.create_builder();
    crate::support::write(&place.path().join("vars"), "A=file\nB=file\n");
    let mut command = place.command(&[
        "build",
        "app",
        "-B",
        "builder",
        "-p",
        "app",
        "--env-file",
        "vars",
        "--env",
        "A=flag",
        "-e",
        "HOST",
    ]);
    let built = outcome(command.env("HOST", "from host"));
    let built = built.success();
    assert!(built.stdout.contains("A=flag B=file HOST=from host\nflag1000\nhome=/home/cnb\n"), "{}", built.stdout);
    let inspected = place.run(&["inspect", "--local", "app", "--output", "json"]).success();
    assert!(!inspected.stdout.contains("from host"), "{}", inspected.stdout);
}

#[test]
fn buildpacks_of_the_command_line_replace_the_order() {
    let Some(place) = place(User::Caller) else { return };
    buildpack(&place, "other", "exit 0", "echo other buildpack");
    let built = place.build(&["--buildpack", "other"]).success();
    assert!(built.stdout.contains("other buildpack"), "{}", built.stdout);
    assert!(!built.stdout.contains("building in"), "{}", built.stdout);
    let both = place.build(&["--buildpack", "other", "--buildpack", "test/web"]).success();
    assert!(both.stdout.contains("other buildpack") && both.stdout.contains("building in"), "{}", both.stdout);
}

#[test]
fn a_layout_is_written_and_read_again() {
    let Some(place) = place(User::Caller) else { return };
    place.run(&["build", "oci:out", "--builder", "builder", "--path", "app"]).success();
    assert!(place.path().join("out/index.json").exists());
    assert_eq!(place.run(&["run", "oci:out"]).success().stdout, "hello from the app\n");
    let again = place.run(&["build", "oci:out", "--builder", "builder", "--path", "app"]).success();
    assert!(again.stdout.contains("Reused 1/1 app layer(s)"), "{}", again.stdout);
}

#[test]
fn the_cache_can_be_cleared() {
    let Some(place) = Place::with_builder(User::Caller, &["count"]) else { return };
    let script = "if [ -e \"$1/seen/file\" ]; then echo cached; else echo fresh; fi
mkdir -p \"$1/seen\"; echo x >\"$1/seen/file\"; printf '[types]\\ncache = true\\n' >\"$1/seen.toml\"";
    buildpack(&place, "count", "exit 0", script);
    application(&place, &[("x", "x")]);
    place.create_builder();
    let line = |more: &[&str]| {
        let built = place.build(more).success();
        built.stdout.lines().find(|line| ["fresh", "cached"].contains(line)).unwrap().to_owned()
    };
    assert_eq!([line(&[]), line(&[]), line(&["--clear-cache"]), line(&[])], ["fresh", "cached", "fresh", "cached"]);
}

#[test]
fn names_places_and_surroundings_can_be_chosen() {
    let Some(place) = place(User::Caller) else { return };
    buildpack(&place, "before", "exit 0", "echo before in $(pwd) for $CNB_EXEC_ENV");
    buildpack(&place, "after", "exit 0", "echo after");
    std::fs::create_dir(place.path().join("reports")).unwrap();
    let built = place.build(&[
        "--tag",
        "second,localhost/third:1",
        "--workspace",
        "src",
        "--exec-env",
        "test",
        "--pre-buildpack",
        "before",
        "--post-buildpack",
        "after",
        "--report-output-dir",
        "reports",
        "--sbom-output-dir",
        "sbom",
        "--trust-builder",
    ]);
    let built = built.success();
    let lines = ["before in /src for test", "building in /src", "\nafter\n"];
    let positions = lines.map(|line| built.stdout.find(line).unwrap_or_else(|| panic!("{line} in\n{}", built.stdout)));
    assert!(positions.is_sorted(), "{}", built.stdout);
    let report = std::fs::read_to_string(place.path().join("reports/report.toml")).unwrap();
    assert!(report.contains("second") && report.contains("localhost/third:1"), "{report}");
    assert!(place.path().join("sbom").is_dir());
    for name in ["app", "second", "localhost/third:1"] {
        assert_eq!(place.run(&["run", name]).success().stdout, "hello from the app\n");
    }
    let label = place.run(&["inspect", "--local", "second", "-o", "json"]).success().stdout;
    assert!(label.contains("\"io.buildpacks.exec-env\": \"test\""), "{label}");

    let order = place.build(&["--buildpack", "after,from=builder,before"]).success();
    let positions = ["\nafter\n", "building in", "before in"].map(|line| order.stdout.find(line).unwrap());
    assert!(positions.is_sorted(), "{}", order.stdout);
    assert!(place.build(&["--exec-env", "a b"]).failure(1).stderr.contains("exec-env MUST only contain"));
    assert!(place.build(&["--workspace", "etc"]).failure(1).stderr.contains("workspace 'etc'"));
}

#[test]
fn a_new_image_can_reuse_the_layers_of_another() {
    let Some(place) = place(User::Caller) else { return };
    place.build(&[]).success();
    let arguments = ["build", "copy", "-B", "builder", "-p", "app", "--previous-image", "app"];
    let built = place.run(&arguments).success();
    assert!(built.stdout.contains("Reusing layer 'test/web:dep'"), "{}", built.stdout);
}
