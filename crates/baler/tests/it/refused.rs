//! Registries that refuse an image when it is finished: it is not lost, and nothing half of it is in the registry.

use baler_test_registry::{Fault, Options, Rule, TestRegistry};

use crate::support::{Authority, Outcome, Place, User, application, buildpack, users, write};

/// More than goes in one piece.
const BUILD: &str = "mkdir -p \"$1/data\"; head -c 6000000 /dev/urandom >\"$1/data/file\"; printf '[types]\\nlaunch = true\\n' >\"$1/data.toml\"";

/// A place whose builder is in the store, where a build makes an image that no other is like.
fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["big"])?;
    buildpack(&place, "big", "exit 0", BUILD);
    application(&place, &[("file", "text")]);
    place.create_builder();
    Some(place)
}

fn registry() -> TestRegistry {
    TestRegistry::start(Options::default()).unwrap()
}

/// The arguments of the commands that hints say to run.
fn hinted(outcome: &Outcome) -> Vec<Vec<String>> {
    let hints =
        outcome.stderr.lines().filter_map(|line| line.trim().strip_prefix("hint: nothing need be built again: "));
    let commands = hints.filter_map(|hint| hint.split('`').nth(1)?.strip_prefix("baler "));
    commands.map(|command| command.split(' ').map(str::to_owned).collect()).collect()
}

/// Runs them; the digest that each says.
fn follow(place: &Place, outcome: &Outcome) -> Vec<String> {
    let run = |arguments: Vec<String>| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--quiet"]).collect();
        let pushed = place.run(&arguments).success().stdout;
        pushed.trim().rsplit_once('@').unwrap().1.to_owned()
    };
    hinted(outcome).into_iter().map(run).collect()
}

#[test]
fn an_image_that_is_refused_in_the_end_is_kept() {
    // The manifest, a blob when it is complete, a blob while it is sent, and a registry that is gone.
    let faults = [
        ("PUT", "*/manifests/*", 403),
        ("PUT", "*/blobs/uploads/*", 403),
        ("PATCH", "*/blobs/uploads/*", 507),
        ("PUT", "*/manifests/*", 400),
    ];
    for user in users() {
        let Some(place) = place(user) else { return };
        for (method, path, status) in faults {
            let registry = registry();
            registry.rule(Rule::new(method, path, Fault::status(status)).always());
            let app = format!("{}/team/app:1", registry.address());
            let failed = place.run(&["build", &app, "--path", "app", "--builder", "builder", "--publish"]).failure(1);
            let what = format!("{user:?}, {method} {path} {status}: {}{}", failed.stdout, failed.stderr);
            assert!(failed.stderr.starts_with("ERROR: failed to build: failed to export: "), "{what}");
            assert!(failed.stderr.contains("is finished, and the local store keeps it"), "{what}");
            assert!(failed.stderr.contains(&format!("not published: {app}")), "{what}");
            assert!(registry.tags("team/app").is_empty(), "{what}");
            // It is the image: it starts, and it is published once the registry takes it.
            let hints = hinted(&failed);
            let [hint] = &hints[..] else { panic!("{what}") };
            let kept = &hint[1];
            let started = place.run(&["run", kept, "--entrypoint", "/bin/cat", "--", "/workspace/file"]).success();
            assert_eq!(started.stdout, "text", "{what}");
            registry.clear_rules();
            let digests = follow(&place, &failed);
            assert!(kept.ends_with(&format!("@{}", digests[0])), "{kept}, {digests:?}");
            assert_eq!(registry.tags("team/app"), ["1"], "{what}");
            assert_eq!(registry.uploads(), 0, "{what}");
        }
    }
}

#[test]
fn one_registry_of_several_refuses() {
    let Some(place) = place(User::Caller) else { return };
    for (method, path) in [("PUT", "*/manifests/*"), ("P*", "*/blobs/uploads/*?*")] {
        for refuses_first in [true, false] {
            let (refusing, taking) = (registry(), registry());
            // The right to push is there; what is sent afterwards is refused.
            refusing.rule(Rule::new(method, path, Fault::status(403)).always());
            let name = |registry: &TestRegistry, tag: &str| format!("{}/app:{tag}", registry.address());
            let (first, second) = if refuses_first { (&refusing, &taking) } else { (&taking, &refusing) };
            let (image, tags) = (name(first, "1"), format!("{},{}", name(second, "1"), name(&refusing, "2")));
            let build = ["build", &image, "--path", "app", "--builder", "builder", "--publish", "--tag", &tags];
            let failed = place.run(&build).failure(1);
            let what = format!("{method} {path}, first {refuses_first}: {}{}", failed.stdout, failed.stderr);
            assert_eq!(taking.tags("app"), ["1"], "{what}");
            assert!(refusing.tags("app").is_empty(), "{what}");
            for tag in ["1", "2"] {
                assert!(failed.stderr.contains(&format!("not published: {}\n", name(&refusing, tag))), "{what}");
            }
            assert!(!failed.stderr.contains(&format!("not published: {}\n", name(&taking, "1"))), "{what}");
            refusing.clear_rules();
            let digests = follow(&place, &failed);
            assert_eq!(digests.len(), 2, "{what}");
            assert_eq!(refusing.tags("app"), ["1", "2"], "{what}");
            assert_eq!(refusing.manifest("app", "2"), taking.manifest("app", "1"), "{what}");
        }
    }
}

#[test]
fn a_copy_that_was_asked_for_has_its_own_names() {
    let Some(place) = place(User::Caller) else { return };
    let registry = registry();
    registry.rule(Rule::new("PUT", "*/manifests/*", Fault::status(403)).always());
    let app = format!("{}/app:1", registry.address());
    let build = ["build", &app, "--path", "app", "--builder", "builder", "--publish", "--keep"];
    let failed = place.run(&build).failure(1);
    assert_eq!(hinted(&failed), [["push", &app]], "{}", failed.stderr);
    assert!(place.run(&["images"]).success().stdout.contains(&app));
}

/// A registry without a certificate that anybody trusts is told so again.
#[test]
fn the_hint_says_what_the_user_said_of_the_registry() {
    let (Some(place), Some(authority)) = (place(User::Caller), Authority::new()) else { return };
    let tls = Some(authority.tls("IP:127.0.0.1"));
    let refusing = TestRegistry::start(Options { tls, ..Options::default() }).unwrap();
    refusing.rule(Rule::new("PUT", "*/manifests/*", Fault::status(403)).always());
    let address = refusing.address();
    let app = format!("{address}/app:1");
    let build = ["build", &app, "--path", "app", "--builder", "builder", "--publish", "--insecure-registry", &address];
    let failed = place.run(&build).failure(1);
    assert_eq!(hinted(&failed)[0][2..], [&app, "--insecure-registry", &address], "{}", failed.stderr);
    refusing.clear_rules();
    follow(&place, &failed);
    assert_eq!(refusing.tags("app"), ["1"]);
}

/// What was taken from a registry is fetched from there, so that the image is whole.
#[test]
fn an_image_is_kept_with_a_run_image_that_was_never_here() {
    let Some(place) = place(User::Caller) else { return };
    let (base, refusing) = (registry(), registry());
    let run_image = format!("{}/run", base.address());
    place.run(&["push", "test-run", &run_image]).success();
    place.run(&["rm", "test-run"]).success();
    refusing.rule(Rule::new("PUT", "*/manifests/*", Fault::status(403)).always());
    let app = format!("{}/app:1", refusing.address());
    let build = ["build", &app, "--path", "app", "--builder", "builder", "--publish", "--run-image", &run_image];
    let failed = place.run(&build).failure(1);
    drop(base);
    let kept = hinted(&failed)[0][1].clone();
    assert_eq!(
        place.run(&["run", &kept, "--entrypoint", "/bin/cat", "--", "/workspace/file"]).success().stdout,
        "text"
    );
}

#[test]
fn builders_and_packages_are_kept_as_well() {
    let Some(place) = place(User::Caller) else { return };
    let registry = registry();
    let name = |what: &str| format!("{}/{what}:1", registry.address());
    let package = ["buildpack", "package", &name("package"), "--path", "big", "--publish"];
    let builder = ["builder", "create", &name("builder"), "--config", "builder.toml", "--publish"];
    for (what, command) in [("package", &package[..]), ("builder", &builder[..])] {
        registry.rule(Rule::new("PUT", "*/manifests/*", Fault::status(403)).always());
        let failed = place.run(command).failure(1);
        assert!(failed.stderr.contains("is finished, and the local store keeps it"), "{}", failed.stderr);
        assert!(registry.tags(what).is_empty());
        registry.clear_rules();
        let digests = follow(&place, &failed);
        let again = place.run(&[command, &["--quiet"]].concat()).success();
        assert_eq!(again.stdout.trim(), format!("{}@{}", name(what), digests[0]));
    }
}

/// What is pushed or rebased is there as it was; nothing more is kept of it.
#[test]
fn pushes_and_rebases_keep_nothing() {
    let Some(place) = place(User::Caller) else { return };
    let registry = registry();
    let app = format!("{}/app:1", registry.address());
    place.build(&[]).success();
    let images = place.run(&["images"]).success().stdout;
    registry.rule(Rule::new("PUT", "*/manifests/*", Fault::status(403)).always());
    let failed = place.run(&["push", "app", &app]).failure(1);
    assert!(failed.stderr.starts_with(&format!("ERROR: could not write image '{app}'")), "{}", failed.stderr);
    registry.clear_rules();
    place.run(&["push", "app", &app]).success();
    let before = registry.manifest("app", "1");
    registry.rule(Rule::new("PUT", "*/manifests/*", Fault::status(403)).always());
    write(&place.path().join("other"), "");
    place.run(&["rebase", &app, "--publish", "--run-image", "test-run", "--force"]).failure(1);
    assert_eq!(registry.manifest("app", "1"), before);
    assert_eq!(place.run(&["images"]).success().stdout, images);
}
