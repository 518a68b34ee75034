//! Long layers go to the registry while they are made: whatever comes between, what arrives is what the store has.

use std::time::Duration;

use baler_test_registry::{Fault, Options, Rule, TestRegistry, noise};

use crate::support::{Outcome, Place, User, application, buildpack, users};

/// More than is sent at once of what grows.
const LENGTH: usize = 34 << 20;

/// A layer as large as the application, always the same, and made anew in each build.
const BUILD: &str = "mkdir -p \"$1/data\"; cp noise \"$1/data\"; printf '[types]\\nlaunch = true\\n' >\"$1/data.toml\"";

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["long"])?;
    buildpack(&place, "long", "exit 0", BUILD);
    application(&place, &[("file", "text")]);
    std::fs::write(place.path().join("app/noise"), noise(LENGTH)).unwrap();
    place.create_builder();
    Some(place)
}

fn registry() -> TestRegistry {
    TestRegistry::start(Options::default()).unwrap()
}

fn publish(place: &Place, registry: &TestRegistry, tag: &str) -> Outcome {
    let app = format!("{}/team/app:{tag}", registry.address());
    place.run(&["-v", "build", &app, "--path", "app", "--builder", "builder", "--publish"])
}

/// How many blobs were begun to be sent before they were complete.
fn followed(output: &Outcome) -> usize {
    output.stdout.matches("bytes were sent before it was complete").count()
}

/// The requests of this method, and the bytes that came with them.
fn requests(registry: &TestRegistry, method: &str) -> (usize, u64) {
    let log = registry.log();
    let found = log.iter().filter(|request| request.method == method);
    found.fold((0, 0), |(count, bytes), request| (count + 1, bytes + request.received))
}

fn manifest(place: &Place, output: &Outcome) -> String {
    let line = output.stdout.lines().find(|line| line.starts_with("*** Digest: "));
    line.unwrap_or_else(|| panic!("{}: {}", place.path().display(), output.stdout)).to_owned()
}

#[test]
fn a_long_layer_is_sent_while_it_is_made() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let stored = place.build(&["-v"]).success();
        let registry = registry();
        let first = publish(&place, &registry, "1").success();
        assert_eq!(manifest(&place, &first), manifest(&place, &stored), "{user:?}");
        assert_eq!(followed(&first), 2, "{user:?}: {}", first.stdout);
        let (_, sent) = requests(&registry, "PATCH");
        assert!(sent < 3 * LENGTH as u64, "{user:?}: {sent} bytes of twice {LENGTH}");
        assert_eq!(registry.uploads(), 0, "{user:?}");

        // The previous image has them: nothing is sent.
        registry.clear_log();
        let again = publish(&place, &registry, "1").success();
        assert_eq!((followed(&again), requests(&registry, "PATCH").0), (0, 0), "{user:?}: {}", again.stdout);

        // No earlier image is known here, but the repository has the layers: what was sent is taken back.
        registry.clear_log();
        let other = publish(&place, &registry, "2").success();
        assert_eq!(manifest(&place, &other), manifest(&place, &first), "{user:?}");
        assert!(requests(&registry, "DELETE").0 >= 1, "{user:?}: {:?}", registry.lines());
        assert_eq!(registry.uploads(), 0, "{user:?}");
    }
}

/// What an earlier image has by its name is hashed first: a layer that is the same is neither compressed nor sent.
#[test]
fn a_long_layer_that_changed_is_sent_while_it_is_made() {
    let Some(place) = place(User::Caller) else { return };
    let registry = registry();
    let first = publish(&place, &registry, "1").success();
    // The application, and the layer that is a copy of a part of it.
    let both = [noise(LENGTH), b"more".to_vec()].concat();
    let application_alone = b"other text".to_vec();
    for (path, text, expected) in [("app/noise", both, 2), ("app/file", application_alone, 1)] {
        std::fs::write(place.path().join(path), text).unwrap();
        registry.clear_log();
        let again = publish(&place, &registry, "1").success();
        assert_eq!(followed(&again), expected, "{path}: {}", again.stdout);
        let (_, sent) = requests(&registry, "PATCH");
        assert_eq!(sent.div_ceil(LENGTH as u64), expected as u64 + 1, "{path}: {sent} bytes of {LENGTH}");
        assert_ne!(manifest(&place, &again), manifest(&place, &first), "{path}");
        assert_eq!(registry.uploads(), 0, "{path}: {:?}", registry.lines());
    }
    let published = publish(&place, &registry, "1").success();
    let stored = place.build(&["-v"]).success();
    assert_eq!(manifest(&place, &published), manifest(&place, &stored));
}

#[test]
fn what_fails_on_the_way_is_sent_from_the_store() {
    let slow = Fault::Slow(Duration::from_millis(30));
    let faults = [
        ("forgotten at its beginning", "PATCH", Fault::ForgetUpload, 0),
        ("forgotten on its way", "PATCH", Fault::ForgetUpload, 1),
        ("refused once", "PATCH", Fault::status(403), 1),
        ("not answered in the end", "PUT", Fault::ResetUnanswered, 0),
        ("reset", "PATCH", Fault::ResetReceiving(100_000), 1),
        ("slow", "P*", slow, 0),
    ];
    let Some(place) = place(User::Caller) else { return };
    let stored = place.build(&["-v"]).success();
    for (what, method, fault, after) in faults {
        let registry = registry();
        registry.rule(Rule::new(method, "*/blobs/uploads/*", fault).after(after));
        let output = publish(&place, &registry, "1").success();
        assert_eq!(manifest(&place, &output), manifest(&place, &stored), "{what}");
        assert_eq!(registry.tags("team/app"), ["1"], "{what}");
        assert_eq!(registry.uploads(), 0, "{what}: {:?}", registry.lines());
    }
}

/// The image is finished all the same, and kept.
#[test]
fn a_registry_that_takes_no_long_layer_gets_no_name() {
    let Some(place) = place(User::Caller) else { return };
    let registry = registry();
    registry.rule(Rule::new("PATCH", "*/blobs/uploads/*", Fault::status(507)).always());
    let failed = publish(&place, &registry, "1").failure(1);
    assert!(failed.stderr.contains("the local store keeps it"), "{}", failed.stderr);
    assert!(registry.tags("team/app").is_empty());
    assert_eq!(registry.uploads(), 0, "{:?}", registry.lines());
}
