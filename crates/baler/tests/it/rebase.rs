//! Rebasing: another run image below an app, in the store, in a layout, in a registry.

use baler_test_registry::{Options, TestRegistry};

use crate::support::{Base, Indexed, Place, Registry, User, application, buildpack, users, write};

const CAT: &str = "printf '[[processes]]\\ntype = \"web\"\\ncommand = [\"cat\", \"/etc/test-release\", \"file\"]\\ndefault = true\\n' >\"$1/launch.toml\"";

fn with_app(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["cat"])?;
    buildpack(&place, "cat", "exit 0", CAT);
    application(&place, &[("file", "of the app\n")]);
    place.create_builder();
    place.build(&[]).success();
    Base::write_newer(&place.path().join("newer"), "newer base\n");
    Some(place)
}

#[test]
fn an_app_of_the_store_gets_a_newer_base() {
    for user in users() {
        let Some(place) = with_app(user) else { return };
        assert_eq!(place.run(&["run", "app"]).success().stdout, "test base\nof the app\n");
        place.run(&["load", "newer"]).success();
        let rebased = place.run(&["rebase", "app", "--report-output-dir", "."]).success();
        assert!(rebased.stdout.contains("Rebasing 'app' on run image 'test-run'"), "{}", rebased.stdout);
        assert!(rebased.stdout.contains("Successfully rebased image 'app'"), "{}", rebased.stdout);
        assert_eq!(place.run(&["run", "app"]).success().stdout, "newer base\nof the app\n", "{user:?}");
        let report = std::fs::read_to_string(place.path().join("report.toml")).unwrap();
        assert!(report.contains("digest = \"sha256:"), "{report}");
        // A build on the same base gives the same layers: the rebase kept what was built.
        let built = place.build(&[]).success().stdout;
        assert!(built.contains("Reused 1/1 app layer(s)"), "{built}");
    }
}

#[test]
fn under_another_name_and_on_another_run_image() {
    let Some(place) = with_app(User::Caller) else { return };
    place.run(&["load", "newer", "--name", "other-run"]).success();
    let refused = place.run(&["rebase", "app", "--run-image", "other-run"]).failure(1);
    assert!(
        refused.stderr.contains("new base image 'other-run' not found in existing run image metadata"),
        "{}",
        refused.stderr
    );
    place.run(&["rebase", "patched", "--previous-image", "app", "--run-image", "other-run", "--force"]).success();
    assert_eq!(place.run(&["run", "patched"]).success().stdout, "newer base\nof the app\n");
    assert_eq!(place.run(&["run", "app"]).success().stdout, "test base\nof the app\n");
    let not_an_app = place.run(&["rebase", "test-run"]).failure(1);
    assert!(
        not_an_app.stderr.contains("could not find label 'io.buildpacks.lifecycle.metadata'"),
        "{}",
        not_an_app.stderr
    );
    place.run(&["rebase", "oci:out", "--previous-image", "app", "--run-image", "other-run", "--force"]).success();
    assert_eq!(place.run(&["run", "oci:out"]).success().stdout, "newer base\nof the app\n");
}

#[test]
fn in_a_registry_layers_are_taken_over_and_not_sent() {
    let Some(registry) = Registry::start() else { return };
    let Some(place) = Place::new(User::Caller) else { return };
    let Some(base) = Base::get() else { return };
    for name in ["test-build", "test-run"] {
        registry.push(base.path(), name, name);
    }
    buildpack(&place, "cat", "exit 0", CAT);
    application(&place, &[("file", "of the app\n")]);
    let (build_image, run_image, app) =
        (registry.name("test-build"), registry.name("test-run"), registry.name("team/app"));
    let config = format!(
        "[build]\nimage = \"{build_image}\"\n[[run.images]]\nimage = \"{run_image}\"\n[[buildpacks]]\nuri = \"cat\"\n[[order]]\n[[order.group]]\nid = \"test/cat\"\n"
    );
    write(&place.path().join("builder.toml"), &config);
    place.create_builder();
    place
        .run(&["build", &app, "--publish", "--builder", "builder", "--path", "app", "--pull-policy", "if-not-present"])
        .success();
    Base::write_newer(&place.path().join("newer"), "newer base\n");
    registry.push(&place.path().join("newer"), "test-run", "test-run");
    let (rebased, requests) = registry.watch(|| place.run(&["rebase", &app, "--publish", "--pull-policy", "always"]));
    rebased.success();
    let mounts = requests.iter().filter(|request| request.query.contains("mount=")).count();
    let sent = requests.iter().filter(|request| matches!(request.method.as_str(), "PATCH" | "PUT")).count();
    // The base has one new layer. Config and manifest are sent.
    assert_eq!(mounts, 1, "{requests:#?}");
    assert!(sent <= 3, "{requests:#?}");
    assert!(
        requests.iter().all(|request| !(request.method == "GET"
            && request.path.contains("/blobs/")
            && requests.iter().filter(|other| *other == request).count() > 1)),
        "{requests:#?}"
    );
    place.run(&["pull", &app]).success();
    assert_eq!(place.run(&["run", &app]).success().stdout, "newer base\nof the app\n");
}

/// An app and its run image that were copied to another registry, each in an index of the copy's own: neither the digests of
/// the old indexes nor the old registry are there any more, and what is recorded is enough.
#[test]
fn a_registry_that_was_copied_by_index() {
    let Some(place) = with_app(User::Caller) else { return };
    let copy = TestRegistry::start(Options::default()).unwrap();
    let at = copy.address();
    place.run(&["load", "newer", "--name", "newer-run"]).success();
    for (image, repository) in [("app", "team/app"), ("newer-run", "team/run")] {
        Indexed::push(&place, image, &copy, (repository, "1"));
    }
    place.run(&["rm", "app", "newer-run", "test-run"]).success();
    let (app, run) = (format!("{at}/team/app:1"), format!("{at}/team/run:1"));
    place.run(&["rebase", &app, "--publish", "--run-image", &run, "--force"]).success();
    let said = place.run(&["run", &app]).success().stdout;
    assert!(said.ends_with("newer base\nof the app\n"), "{said}");
    // A build restores from the copy, too.
    let build = ["build", &app, "--builder", "builder", "--path", "app", "--publish", "--run-image", &run];
    let told = place.run(&build).success().stdout;
    assert!(told.contains("Reused 1/1 app layer(s)"), "{told}");
}
