//! `builder create`.

use crate::support::{Place, User, application, buildpack, write};

#[test]
fn a_builder_has_the_labels_and_layers_of_pack() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    let created = place.run(&["builder", "create", "builder", "--config", "builder.toml"]).success();
    assert!(created.stdout.starts_with("Successfully created builder image 'builder'\nTip: "), "{}", created.stdout);
    let inspected = place.run(&["inspect", "builder", "-o", "json"]).success();
    let value: serde_json::Value = serde_json::from_str(&inspected.stdout).unwrap();
    let label = &value["labels"]["io.buildpacks.builder.metadata"];
    assert_eq!(label["lifecycle"]["version"], "0.21.17");
    assert_eq!(label["buildpacks"][0]["id"], "test/one");
    assert_eq!(label["images"][0]["image"], "test-run");
    assert_eq!(value["labels"]["io.buildpacks.buildpack.order"][0]["group"][0]["id"], "test/one");
    assert!(value["labels"]["io.buildpacks.buildpack.layers"]["test/one"]["1"]["layerDiffID"].is_string());
}

#[test]
fn making_it_twice_gives_the_same_builder() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    let make = |name: &str| {
        let made = place.run(&["builder", "create", name, "--config", "builder.toml", "--quiet"]).success();
        made.stdout.split('@').nth(1).unwrap().to_owned()
    };
    assert_eq!(make("first"), make("second"));
}

#[test]
fn what_is_wrong_with_a_configuration_is_said() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    application(&place, &[]);
    let images = "[build]\nimage = \"test-build\"\n[[run.images]]\nimage = \"test-run\"\n";
    let cases = [
        ("surprise = 1\n", "unknown configuration element 'surprise'"),
        ("[[buildpacks]]\nuri = \"./nowhere\"\n", "'./nowhere' does not exist"),
        (
            "[[order]]\n[[order.group]]\nid = \"absent\"\n",
            "no versions of buildpack 'absent' were found on the builder",
        ),
        ("[[buildpacks]]\nuri = \"one\"\nid = \"other\"\n", "has ID 'test/one' which does not match ID 'other'"),
        ("description = [\n", "TOML parse error at line"),
    ];
    for (text, expected) in cases {
        write(&place.path().join("builder.toml"), &format!("{text}{images}"));
        let failed = place.run(&["builder", "create", "builder", "--config", "builder.toml"]).failure(1);
        assert!(failed.stderr.starts_with("ERROR: ") && failed.stderr.contains(expected), "{}", failed.stderr);
    }
    write(&place.path().join("builder.toml"), &images.replace("test-build", "absent"));
    let failed = place.run(&["builder", "create", "builder", "--config", "builder.toml"]).failure(1);
    assert!(failed.stderr.contains("image 'absent' does not exist in the local store"), "{}", failed.stderr);
}
