//! What is recorded of a run image that an index stands for, and what works from it: when the tag has moved, when the index has
//! gone, and in a registry that was copied.

use baler_test_registry::{Fault, Options, Rule, TestRegistry};

use crate::support::{Base, Indexed, Place, User, application, buildpack, phase, write};

const CAT: &str = "mkdir -p \"$1/data\"; echo x >\"$1/data/file\"; printf '[types]\\nlaunch = true\\n' >\"$1/data.toml\"; \
    printf '[[processes]]\\ntype = \"web\"\\ncommand = [\"cat\", \"/etc/test-release\"]\\ndefault = true\\n' >\"$1/launch.toml\"";

/// A registry that has the run image `test-run` in an index as `team/run:1`, and a place with a builder that names it, and the
/// mirror `mirror`. The store has the newer run image as `newer-run`.
fn scene(mirror: &str) -> Option<(Place, TestRegistry, Indexed)> {
    let place = Place::with_builder(User::Caller, &["cat"])?;
    buildpack(&place, "cat", "exit 0", CAT);
    application(&place, &[("file", "text")]);
    let registry = TestRegistry::start(Options::default()).unwrap();
    let first = Indexed::push(&place, "test-run", &registry, ("team/run", "1"));
    let run = format!("image = \"{}/team/run:1\"\nmirrors = [\"{mirror}\"]", registry.address());
    let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
    write(&place.path().join("builder.toml"), &config.replace("image = \"test-run\"", &run));
    place.create_builder();
    Base::write_newer(&place.path().join("newer"), "newer base\n");
    place.run(&["load", "newer", "--name", "newer-run"]).success();
    place.run(&["rm", "test-run"]).success();
    std::fs::create_dir(place.path().join("report")).unwrap();
    Some((place, registry, first))
}

/// What the label of an app says of its run image.
fn label(registry: &TestRegistry, repository: &str) -> serde_json::Value {
    let manifest = registry.manifest(repository, "latest").unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let config = manifest["config"]["digest"].as_str().unwrap().parse().unwrap();
    let config: serde_json::Value = serde_json::from_slice(&registry.blob(repository, &config).unwrap()).unwrap();
    let label = config["config"]["Labels"]["io.buildpacks.lifecycle.metadata"].as_str().unwrap();
    let label: serde_json::Value = serde_json::from_str(label).unwrap();
    label["runImage"].clone()
}

/// Fails unless `repository` is recorded to stand on `run`, as `at` has it.
#[track_caller]
fn stands_on(registry: &TestRegistry, repository: &str, at: &str, run: &Indexed) {
    let label = label(registry, repository);
    assert_eq!(label["topLayer"], run.top_layer, "{label}");
    assert_eq!(label["reference"], format!("{at}@{}", run.manifest), "{label}");
}

/// Fails unless a report has the digest that the registry has.
#[track_caller]
fn is_reported(place: &Place, report: &str, registry: &TestRegistry, repository: &str) {
    let report = std::fs::read_to_string(place.path().join(report)).unwrap();
    let manifest = registry.manifest(repository, "latest").unwrap();
    let digest = baler_image::Digest::of(&manifest);
    assert!(report.contains(&format!("digest = \"{digest}\"")), "{report}");
    assert!(report.contains(&format!("manifest-size = {}", manifest.len())), "{report}");
    assert!(report.contains(&format!("{}/{repository}", registry.address())), "{report}");
}

/// The registry has neither the tag nor the index any more.
fn lose(registry: &TestRegistry, index: &baler_image::Digest) {
    for reference in ["1".to_owned(), index.to_string()] {
        for method in ["GET", "HEAD"] {
            let path = format!("/v2/team/run/manifests/{reference}");
            registry.rule(Rule::new(method, &path, Fault::status(404)).always());
        }
    }
}

#[test]
fn by_the_program() {
    let Some((place, registry, first)) = scene("mirror.invalid/run") else { return };
    let (app, run) = (format!("{}/app", registry.address()), format!("{}/team/run", registry.address()));
    let report = ["--report-output-dir", "report"];
    let build = |more: &[&str]| {
        place.run(&[&["build", &app, "-p", "app", "-B", "builder", "--publish"], &report[..], more].concat())
    };
    build(&[]).success();
    stands_on(&registry, "app", &run, &first);
    is_reported(&place, "report/report.toml", &registry, "app");
    let recorded = label(&registry, "app");
    assert_eq!(recorded["image"], format!("{run}:1"));
    assert_eq!(recorded["mirrors"], serde_json::json!(["mirror.invalid/run"]));

    // The tag moves: a rebase takes what it stands for now, and says so.
    let second = Indexed::push(&place, "newer-run", &registry, ("team/run", "1"));
    let rebase = |more: &[&str]| place.run(&[&["rebase", &app, "--publish"], &report[..], more].concat());
    rebase(&[]).success();
    stands_on(&registry, "app", &run, &second);
    is_reported(&place, "report/report.toml", &registry, "app");
    assert_eq!(label(&registry, "app")["image"], recorded["image"]);
    assert_eq!(label(&registry, "app")["mirrors"], recorded["mirrors"]);
    place.run(&["pull", &app]).success();
    assert_eq!(place.run(&["run", &app]).success().stdout, "newer base\n");

    // The index goes: what is recorded is the manifest, which is still there.
    lose(&registry, &second.index);
    let gone = rebase(&[]).failure(1).stderr;
    assert!(gone.contains(&format!("run image '{run}:1' cannot be had")), "{gone}");
    assert!(gone.contains("does not exist") && !gone.contains("no layers"), "{gone}");
    let reference = label(&registry, "app")["reference"].as_str().unwrap().to_owned();
    rebase(&["--run-image", &reference, "--force"]).success();
    stands_on(&registry, "app", &run, &second);
    let told = build(&["--run-image", &reference]).success().stdout;
    assert!(told.contains("Reused 1/1 app layer(s)"), "{told}");
    stands_on(&registry, "app", &run, &second);
}

#[test]
fn by_the_phases() {
    for is_moved in [true, false] {
        let Some((place, registry, first)) = scene("mirror.invalid/run") else { return };
        let (app, run) = (format!("{}/app", registry.address()), format!("{}/team/run", registry.address()));
        write(&place.path().join("run.toml"), &format!("[[images]]\nimage = \"{run}:1\"\n"));
        let module = "id = \"test/cat\"\nversion = \"1\"\napi = \"0.12\"\n";
        write(&place.path().join("layers/group.toml"), &format!("[[group]]\n{module}"));
        let process = "[[processes]]\ntype = \"web\"\ncommand = [\"cat\"]\nargs = []\ndirect = true\nbuildpack-id = \"test/cat\"\n";
        write(&place.path().join("layers/config/metadata.toml"), &format!("[[buildpacks]]\n{module}{process}"));
        write(&place.path().join("layers/test_cat/data/file"), "x\n");
        write(&place.path().join("layers/test_cat/data.toml"), "[types]\nlaunch = true\n");
        write(&place.path().join("launcher"), "a launcher\n");
        for directory in ["", "report"] {
            let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o777);
            std::fs::set_permissions(place.path().join(directory), mode).unwrap();
        }
        let run_phase = |name: &str, arguments: &[&str]| {
            phase(&place, name, arguments, &[]).success();
        };
        run_phase("analyzer", &["-layers", "layers", "-run", "run.toml", &app]);
        let analyzed = std::fs::read_to_string(place.path().join("layers/analyzed.toml")).unwrap();
        assert!(analyzed.contains(&format!("reference = \"{run}@{}\"", first.manifest)), "{analyzed}");
        assert!(analyzed.contains(&format!("image = \"{run}:1\"")), "{analyzed}");

        if is_moved {
            Indexed::push(&place, "newer-run", &registry, ("team/run", "1"));
        } else {
            lose(&registry, &first.index);
        }
        registry.clear_log();
        run_phase("restorer", &["-layers", "layers", "-group", "layers/group.toml"]);
        let export = ["-layers", "layers", "-app", "app", "-launcher", "launcher", "-run", "run.toml"];
        run_phase("exporter", &[&export[..], &["-report", "report/export.toml", &app]].concat());
        stands_on(&registry, "app", &run, &first);
        is_reported(&place, "report/export.toml", &registry, "app");
        assert!(!registry.lines().iter().any(|line| line.ends_with("/team/run/manifests/1")), "{:?}", registry.lines());

        if is_moved {
            let second = Indexed::push(&place, "newer-run", &registry, ("team/run", "1"));
            run_phase("rebaser", &["-report", "report/rebase.toml", &app]);
            stands_on(&registry, "app", &run, &second);
            is_reported(&place, "report/rebase.toml", &registry, "app");
        }
    }
}

/// App and run image are copied to another registry by index, as `skopeo copy --all` does; the first one ends.
#[test]
fn in_a_registry_that_was_copied() {
    let copy = TestRegistry::start(Options::default()).unwrap();
    let run = format!("{}/copies/run", copy.address());
    let Some((place, registry, first)) = scene(&format!("{run}:1")) else { return };
    let name = format!("{}/team/run:1", registry.address());
    let app = format!("{}/app", registry.address());
    place.run(&["build", &app, "-p", "app", "-B", "builder", "--publish"]).success();
    stands_on(&registry, "app", &format!("{}/team/run", registry.address()), &first);
    place.run(&["pull", &app]).success();
    Indexed::push(&place, &app, &copy, ("copies/app", "latest"));
    let newer = Indexed::push(&place, "newer-run", &copy, ("copies/run", "1"));
    place.run(&["rm", &app, "newer-run"]).success();
    drop(registry);

    let app = format!("{}/copies/app", copy.address());
    let said = place.run(&["-v", "rebase", &app, "--publish"]).success().stdout;
    let selected = format!("Selected run image '{run}:1': it is in the registry of the image, {}", copy.address());
    assert!(said.contains(&selected), "{said}");
    stands_on(&copy, "copies/app", &run, &newer);
    // What may be taken in its place is known as before.
    let recorded = label(&copy, "copies/app");
    assert_eq!((&recorded["image"], &recorded["mirrors"]), (&name.into(), &serde_json::json!([format!("{run}:1")])));
    let built = place.run(&["build", &app, "-p", "app", "-B", "builder", "--publish"]).success().stdout;
    assert!(built.contains("Reused 1/1 app layer(s)"), "{built}");
    stands_on(&copy, "copies/app", &run, &newer);
    place.run(&["pull", &app]).success();
    assert_eq!(place.run(&["run", &app]).success().stdout, "newer base\n");
}
