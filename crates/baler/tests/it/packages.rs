//! `buildpack package` and `extension package`.

use crate::support::{Place, User, buildpack, write};

#[test]
fn a_package_says_what_it_holds() {
    let Some(place) = Place::new(User::Caller) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    let made = place.run(&["buildpack", "package", "one:1", "--path", "one", "--label", "a=b"]).success();
    assert_eq!(made.stdout, "Successfully created package 'one:1' and saved to the local store\n");
    let inspected = place.run(&["inspect", "--local", "one:1", "-o", "json"]).success();
    let value: serde_json::Value = serde_json::from_str(&inspected.stdout).unwrap();
    let labels = &value["local_info"]["labels"];
    assert_eq!(labels["io.buildpacks.buildpackage.metadata"]["id"], "test/one");
    assert!(labels["io.buildpacks.buildpack.layers"]["test/one"]["1"]["layerDiffID"].is_string());
    assert_eq!(labels["a"], "b");
}

#[test]
fn the_same_package_every_time() {
    let Some(place) = Place::new(User::Caller) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    for name in ["first.cnb", "second.cnb"] {
        place.run(&["buildpack", "package", name, "--format", "file", "--path", "one"]).success();
    }
    let read = |name: &str| std::fs::read(place.path().join(name)).unwrap();
    assert_eq!(read("first.cnb"), read("second.cnb"));
}

#[test]
fn an_extension_is_packaged_alike() {
    let Some(place) = Place::new(User::Caller) else { return };
    let text = "api = \"0.12\"\n[extension]\nid = \"test/x\"\nversion = \"1\"\n";
    write(&place.path().join("x/extension.toml"), text);
    let made = place.run(&["extension", "package", "x", "--format", "file", "--path", "x"]).success();
    assert_eq!(made.stdout, "Successfully created package 'x.cnb' and saved to file\n");
    let refused = place.run(&["buildpack", "package", "y", "--path", "x"]).failure(1);
    assert!(refused.stderr.contains("has no buildpack.toml"), "{}", refused.stderr);
}

#[test]
fn what_is_wrong_with_a_package_is_said() {
    let Some(place) = Place::new(User::Caller) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    let composite = |element: &str| {
        let order = format!("[[order]]\n[[order.group]]\n{element}");
        let text = format!("api = \"0.12\"\n[buildpack]\nid = \"test/all\"\nversion = \"1\"\n{order}");
        write(&place.path().join("all/buildpack.toml"), &text);
    };
    let package = |text: &str| {
        write(&place.path().join("package.toml"), text);
        place.run(&["buildpack", "package", "p", "--config", "package.toml"]).failure(1).stderr
    };
    composite("id = \"test/one\"\nversion = \"1\"\n");
    let cases = [
        ("", "missing 'buildpack.uri' configuration"),
        ("surprise = 1\n", "unknown configuration element 'surprise' in 'package.toml'"),
        ("[buildpack]\nuri = \"all\"\n", "references buildpack 'test/one@1' which is not present"),
        ("[buildpack]\nuri = \"one\"\n[[dependencies]]\nuri = \"one\"\n", "'test/one@1' is not used by"),
        ("[buildpack]\nuri = \"nowhere/x\"\n", "community's registry of buildpacks, which is not supported"),
    ];
    for (text, expected) in cases {
        let said = package(text);
        assert!(said.starts_with("ERROR: ") && said.contains(expected), "{said}");
    }
    composite("id = \"test/one\"\n");
    let said = package("[buildpack]\nuri = \"all\"\n[[dependencies]]\nuri = \"one\"\n");
    assert!(said.contains("must specify a version when referencing buildpack 'test/one'"), "{said}");
}
