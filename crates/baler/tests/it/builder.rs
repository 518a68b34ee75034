//! `builder create`.

use std::path::Path;

use baler_layer::tar::{Attributes, Owner, TarWriter};
use baler_test_registry::{Options, TestRegistry};

use crate::support::{Place, User, application, buildpack, write};

#[test]
fn a_builder_has_the_labels_and_layers_of_pack() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    let created = place.run(&["builder", "create", "builder", "--config", "builder.toml"]).success();
    assert!(created.stdout.starts_with("Successfully created builder image 'builder'\nTip: "), "{}", created.stdout);
    let inspected = place.run(&["inspect", "--local", "builder", "-o", "json"]).success();
    let value: serde_json::Value = serde_json::from_str(&inspected.stdout).unwrap();
    let label = &value["local_info"]["labels"]["io.buildpacks.builder.metadata"];
    assert_eq!(label["lifecycle"]["version"], "0.21.17");
    assert_eq!(label["buildpacks"][0]["id"], "test/one");
    assert_eq!(label["images"][0]["image"], "test-run");
    assert_eq!(value["local_info"]["labels"]["io.buildpacks.buildpack.order"][0]["group"][0]["id"], "test/one");
    assert!(
        value["local_info"]["labels"]["io.buildpacks.buildpack.layers"]["test/one"]["1"]["layerDiffID"].is_string()
    );
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
    write(&place.path().join("builder.toml"), &images.replace("test-build", "registry.invalid/absent"));
    let failed = place.run(&["builder", "create", "builder", "--config", "builder.toml"]).failure(1);
    let text = "image 'registry.invalid/absent' is not in the local store, and could not be fetched";
    assert!(failed.stderr.contains(text), "{}", failed.stderr);
}

#[test]
fn a_builder_goes_to_a_registry_or_a_layout() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    let registry = TestRegistry::start(Options::default()).unwrap();
    let name = format!("{}/team/builder:1", registry.address());
    let create = |arguments: &[&str]| {
        place.run(&[&["builder", "create", "--config", "builder.toml", "--label", "a=b"], arguments].concat())
    };
    let made = create(&[&name, "--publish", "--tag", &format!("{}/other/builder", registry.address()), "--quiet"]);
    let digest = made.success().stdout.trim().rsplit('@').next().unwrap().to_owned();
    for repository in ["team/builder:1", "other/builder"] {
        let published = format!("{}/{repository}", registry.address());
        let built = place.run(&["build", "app", "--builder", &published, "--path", "one"]).success();
        assert!(built.stdout.contains("Successfully built image 'app'"), "{}", built.stdout);
    }
    let layout = create(&["oci:out:1", "--quiet"]).success();
    assert!(layout.stdout.trim().ends_with(&digest), "{} is not {digest}", layout.stdout);
    let refused = create(&[&name, "--publish", "--pull-policy", "never"]).failure(1);
    assert!(refused.stderr.contains("--publish and --pull-policy never cannot be used together"), "{}", refused.stderr);
    let nowhere = create(&["oci:out:2", "--publish"]).failure(1);
    assert!(nowhere.stderr.contains("'oci:out:2' is not the name of an image in a registry"), "{}", nowhere.stderr);
}

#[test]
fn a_lifecycle_from_an_archive_is_complete_or_refused() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    let archive = |without: &str| {
        let mut tar = TarWriter::new(Vec::new());
        let attributes = Attributes::new(0o755, Owner::ROOT);
        let text = "[apis.buildpack]\nsupported = [\"0.12\"]\n[apis.platform]\nsupported = [\"0.15\"]\n[lifecycle]\nversion = \"9.9.9\"\n";
        tar.file_of_bytes(Path::new("lifecycle.toml"), &attributes, text.as_bytes()).unwrap();
        for name in ["detector", "restorer", "analyzer", "builder", "exporter", "launcher", "creator"] {
            if name != without {
                tar.file_of_bytes(&Path::new("lifecycle").join(name), &attributes, b"x").unwrap();
            }
        }
        std::fs::write(place.path().join("lifecycle.tar"), tar.finish().unwrap()).unwrap();
    };
    let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
    write(&place.path().join("builder.toml"), &format!("{config}[lifecycle]\nuri = \"lifecycle.tar\"\n"));
    archive("");
    place.create_builder();
    let inspected = place.run(&["inspect", "builder", "-o", "json"]).success();
    assert!(inspected.stdout.contains("9.9.9"), "{}", inspected.stdout);
    archive("creator");
    let refused = place.run(&["builder", "create", "builder", "--config", "builder.toml"]).failure(1);
    let expected = "invalid lifecycle: validating binaries: did not find 'creator' in tar";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    let text = "api = \"0.10\"\n[buildpack]\nid = \"test/one\"\nversion = \"1\"\n";
    write(&place.path().join("one/buildpack.toml"), text);
    archive("");
    let refused = place.run(&["builder", "create", "builder", "--config", "builder.toml"]).failure(1);
    let expected = "buildpack 'test/one@1' (Buildpack API 0.10) is incompatible with lifecycle '9.9.9'";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}

#[test]
fn flattened_buildpacks_share_a_layer() {
    let Some(place) = Place::with_builder(User::Caller, &["one", "two"]) else { return };
    for name in ["one", "two"] {
        buildpack(&place, name, "exit 0", &format!("echo ran {name}"));
    }
    application(&place, &[("file", "x")]);
    let create = ["builder", "create", "builder", "--config", "builder.toml", "--flatten"];
    place.run(&[&create[..], &["test/one@1,test/two@1"]].concat()).success();
    let inspected = place.run(&["inspect", "builder", "-o", "json"]).success();
    let value: serde_json::Value = serde_json::from_str(&inspected.stdout).unwrap();
    let layers = &value["labels"]["io.buildpacks.buildpack.layers"];
    assert_eq!(layers["test/one"]["1"]["layerDiffID"], layers["test/two"]["1"]["layerDiffID"]);
    let built = place.build(&[]).success();
    assert!(built.stdout.contains("ran one\nran two\n"), "{}", built.stdout);
    let refused = place.run(&[&create[..], &["test/one"]].concat()).failure(1);
    assert!(refused.stderr.contains("invalid format test/one; please use"), "{}", refused.stderr);
}

#[test]
fn a_builder_is_shown_with_its_order() {
    let Some(place) = Place::with_builder(User::Caller, &["one", "two"]) else { return };
    for name in ["one", "two"] {
        buildpack(&place, name, "exit 0", "exit 0");
    }
    fs_err::create_dir_all(place.path().join("all")).unwrap();
    let composite = "api = \"0.10\"\n[buildpack]\nid = \"test/all\"\nversion = \"1\"\n[[order]]\n[[order.group]]\n\
                     id = \"test/one\"\nversion = \"1\"\n[[order.group]]\nid = \"test/two\"\nversion = \"1\"\noptional = true\n";
    write(&place.path().join("all/buildpack.toml"), composite);
    let text = fs_err::read_to_string(place.path().join("builder.toml")).unwrap();
    let (before, _) = text.split_once("[[order]]").unwrap();
    let order = "[[buildpacks]]\nuri = \"./all\"\n[[order]]\n[[order.group]]\nid = \"test/all\"\nversion = \"1\"\n";
    write(&place.path().join("builder.toml"), &format!("{before}{order}"));
    place.create_builder();

    let shown = place.run(&["builder", "inspect", "builder", "--local"]).success().stdout;
    let tree = "Detection Order:\n └ Group #1:\n    └ test/all@1\n       └ Group #1:\n          ├ test/one@1\n          \
                └ test/two@1    (optional)\n";
    assert!(shown.starts_with("Inspecting builder: 'builder'\n\nREMOTE:\n(not present)\n\nLOCAL:\n"), "{shown}");
    assert!(shown.contains(tree), "{shown}");
    let closed = place.run(&["builder", "inspect", "builder", "--local", "--depth", "0"]).success().stdout;
    assert!(closed.contains("Detection Order:\n └ Group #1:\n    └ test/all@1\n"), "{closed}");
    assert!(!closed.contains("test/two@1 "), "{closed}");

    let json = place.run(&["builder", "inspect", "builder", "--local", "-o", "json"]).success().stdout;
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let inside = &value["local_info"]["detection_order"][0]["buildpacks"][0]["buildpacks"][0]["buildpacks"];
    assert_eq!(inside[1]["id"], "test/two");
    assert_eq!((&value["trusted"], &value["remote_info"]), (&false.into(), &serde_json::Value::Null));

    let nowhere = place.run(&["builder", "inspect", "none", "--local"]).failure(1).stderr;
    assert_eq!(nowhere, "ERROR: unable to find builder 'none' locally or remotely\n");
    let not_named = place.run(&["builder", "inspect"]).failure(2).stderr;
    assert!(not_named.contains("the local store has: builder"), "{not_named}");
    let no_builder = place.run(&["builder", "inspect", "test-run", "--local"]).failure(1).stderr;
    assert!(no_builder.contains("missing label 'io.buildpacks.builder.metadata'"), "{no_builder}");
}
