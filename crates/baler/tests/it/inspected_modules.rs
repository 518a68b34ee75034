//! `buildpack inspect` and `extension inspect`.

use baler_test_registry::{Options, TestRegistry};

use crate::modules::{archive, serve};
use crate::support::{Place, User, buildpack, write};

/// A place with the buildpacks one and two, and all, which is composed of them.
fn place() -> Option<Place> {
    let place = Place::new(User::Caller)?;
    for name in ["one", "two"] {
        buildpack(&place, name, "exit 0", "exit 0");
    }
    let all = "api = \"0.10\"\n[buildpack]\nid = \"test/all\"\nversion = \"1\"\nname = \"All\"\n\
               [[order]]\n[[order.group]]\nid = \"test/one\"\nversion = \"1\"\n[[order.group]]\nid = \"test/two\"\n\
               version = \"1\"\noptional = true\n";
    write(&place.path().join("all/buildpack.toml"), all);
    let package = "[buildpack]\nuri = \"all\"\n[[dependencies]]\nuri = \"one\"\n[[dependencies]]\nuri = \"two\"\n";
    write(&place.path().join("package.toml"), package);
    place.run(&["buildpack", "package", "all:1", "--config", "package.toml"]).success();
    place.run(&["buildpack", "package", "all.cnb", "--format", "file", "--config", "package.toml"]).success();
    Some(place)
}

const MODULES: &str = "\nBuildpacks:\n  ID        NAME  VERSION  HOMEPAGE\n  test/all  All   1        -\n  \
                       test/one  -     1        -\n  test/two  -     1        -\n";

#[test]
fn each_place_has_its_heading() {
    let Some(place) = place() else { return };
    let registry = TestRegistry::start(Options::default()).unwrap();
    let pushed = format!("{}/team/all:1", registry.address());
    place.run(&["push", "all:1", &pushed]).success();
    place.run(&["tag", "all:1", &pushed]).success();
    let (url, sent) = serve(archive(&place.path().join("two")));
    let cases: [(&str, &[&str], &str); 5] = [
        ("./one", &["LOCAL DIRECTORY:"], "test/one"),
        ("all.cnb", &["LOCAL ARCHIVE:"], MODULES),
        (&url, &["REMOTE ARCHIVE:"], "test/two"),
        ("docker://all:1", &["LOCAL IMAGE:"], MODULES),
        (&pushed, &["REMOTE IMAGE:", "LOCAL IMAGE:"], MODULES),
    ];
    for (origin, headings, holds) in cases {
        let local: &[&str] = if origin.starts_with("docker:") { &["--local"] } else { &[] };
        let shown = place.run(&[&["buildpack", "inspect", origin], local].concat()).success().stdout;
        assert!(shown.starts_with(&format!("Inspecting buildpack: '{origin}'\n\n{}\n", headings[0])), "{shown}");
        let found: Vec<&str> =
            shown.lines().filter(|line| *line == line.to_uppercase() && line.ends_with(':')).collect();
        assert_eq!((found, shown.matches(holds).count() >= headings.len()), (headings.to_vec(), true), "{shown}");
    }
    assert_eq!(sent.load(std::sync::atomic::Ordering::SeqCst), 1);
    let blobs: Vec<_> =
        registry.lines().into_iter().filter(|line| line.starts_with("GET") && line.contains("/blobs/")).collect();
    assert_eq!(blobs, Vec::<String>::new(), "the config is here, and layers are not looked at");
}

#[test]
fn the_order_is_opened_as_far_as_is_asked() {
    let Some(place) = place() else { return };
    let show = |depth: &str| place.run(&["buildpack", "inspect", "all.cnb", "--depth", depth]).success().stdout;
    let whole = "Detection Order:\n └ Group #1:\n    └ test/all@1\n       └ Group #1:\n          ├ test/one@1\n          \
                 └ test/two@1    (optional)\n";
    assert!(show("-1").ends_with(whole) && show("2").ends_with(whole), "{}", show("-1"));
    assert!(show("1").ends_with("Detection Order:\n └ Group #1:\n    └ test/all@1\n"), "{}", show("1"));
    assert!(show("0").ends_with(MODULES), "{}", show("0"));
    // The older name of the command.
    assert_eq!(place.run(&["inspect-buildpack", "all.cnb"]).success().stdout, show("-1"));
    let json = place.run(&["buildpack", "inspect", "all.cnb", "-o", "json"]).success().stdout;
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let info = &value["local_info"];
    assert_eq!((&value["buildpack_name"], &value["remote_info"]), (&"all.cnb".into(), &serde_json::Value::Null));
    assert_eq!((&info["id"], &info["buildpacks"][2]["id"]), (&"test/all".into(), &"test/two".into()));
    let inside = &info["detection_order"][0]["buildpacks"][0]["buildpacks"][0]["buildpacks"];
    assert_eq!(inside[1]["optional"], true);
}

#[test]
fn stacks_and_targets_are_shown() {
    let Some(place) = Place::new(User::Caller) else { return };
    let text = "api = \"0.8\"\n[buildpack]\nid = \"old\"\nversion = \"1\"\n[[stacks]]\nid = \"a.stack\"\n\
                mixins = [\"curl\"]\n[[stacks]]\nid = \"*\"\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n";
    write(&place.path().join("old/buildpack.toml"), text);
    let show = |more: &[&str]| place.run(&[&["buildpack", "inspect", "./old"], more].concat()).success().stdout;
    let short = "\nTargets:\n  linux/arm64\n\nStacks:\n  ID: a.stack\n    Mixins:\n      (omitted)\n  ID: *\n    Mixins:\n      \
                 (omitted)\n";
    assert!(show(&[]).contains(short), "{}", show(&[]));
    let long = "Stacks:\n  ID: a.stack\n    Mixins:\n      curl\n  ID: *\n    Mixins:\n      (none)\n";
    assert!(show(&["-v"]).contains(long), "{}", show(&["-v"]));
}

#[test]
fn extensions_are_shown_alike() {
    let Some(place) = Place::new(User::Caller) else { return };
    write(&place.path().join("x/extension.toml"), "api = \"0.12\"\n[extension]\nid = \"test/x\"\nversion = \"1\"\n");
    place.run(&["extension", "package", "x", "--format", "file", "--path", "x"]).success();
    for (origin, heading) in [("./x", "LOCAL DIRECTORY:"), ("x.cnb", "LOCAL ARCHIVE:")] {
        let shown = place.run(&["extension", "inspect", origin]).success().stdout;
        let table = "Extension:\n  ID      NAME  VERSION  HOMEPAGE\n  test/x  -     1        -\n";
        assert_eq!(shown, format!("Inspecting extension: '{origin}'\n\n{heading}\n\n{table}"));
    }
}

#[test]
fn what_cannot_be_shown_is_said() {
    let Some(place) = place() else { return };
    let absent = "unable to find buildpack 'none:1' locally or remotely";
    let cases: [(&[&str], &str); 5] = [
        (&["buildpack", "inspect", "none:1", "--local"], absent),
        (&["buildpack", "inspect", "./none"], "'./none' does not exist"),
        (&["buildpack", "inspect", "a/b"], "community's registry of buildpacks, which is not supported"),
        (&["extension", "inspect", "all.cnb"], "all.cnb' is no extension package"),
        (&["extension", "inspect", "all:1", "--local"], "'all:1' is no extension package"),
    ];
    for (arguments, expected) in cases {
        let failed = place.run(arguments).failure(1);
        assert!(failed.stdout.is_empty() && failed.stderr.contains(expected), "{}", failed.stderr);
    }
}
