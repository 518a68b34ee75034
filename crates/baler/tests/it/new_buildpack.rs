//! `buildpack new`: what it makes can be built with, and so can what its comments propose.

use std::path::Path;

use crate::support::{Place, User, application, buildpack, write};

/// The script with its proposals as code: what follows a line that is only `#`, up to an empty line.
fn with_proposals(path: &Path) -> String {
    let (mut text, mut is_code) = (String::new(), false);
    for line in fs_err::read_to_string(path).unwrap().lines() {
        is_code = line == "#" || (is_code && !line.is_empty());
        text += if is_code { line.trim_start_matches(['#', ' ']) } else { line };
        text += "\n";
    }
    text
}

#[test]
fn a_new_buildpack_takes_part_in_builds() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    place.create_builder();
    application(&place, &[("start", "#!/bin/sh\necho started\n")]);
    place.run(&["buildpack", "new", "example/hello"]).success();
    let descriptor = fs_err::read_to_string(place.path().join("hello/buildpack.toml")).unwrap();
    assert!(descriptor.starts_with("api = \"0.10\"\n\n[buildpack]\nid = \"example/hello\"\nversion = \"1.0.0\"\n"));
    let built = place.build(&["--buildpack", "./hello"]).success();
    assert!(built.stdout.contains("example/hello 1.0.0\n"), "{}", built.stdout);

    let script = place.path().join("hello/bin/build");
    let text = with_proposals(&script);
    assert!(text.contains("\n[types]\nlaunch = true\n"), "{text}");
    write(&script, &text);
    let built = place.build(&["--buildpack", "./hello"]).success();
    assert!(built.stdout.contains("Adding layer 'example/hello:tools'"), "{}", built.stdout);
    assert!(built.stdout.contains("Setting default process type 'web'"), "{}", built.stdout);

    let again = place.run(&["buildpack", "new", "example/hello"]).failure(1).stderr;
    assert_eq!(again, "ERROR: directory 'hello' exists\n");
}

#[test]
fn what_a_new_buildpack_is_for() {
    let Some(place) = Place::new(User::Caller) else { return };
    let targets =
        ["buildpack", "new", "a/b.c", "--path", "x/y", "-a", "0.11", "-V", "2", "-t", "linux/arm/v7,linux/amd64"];
    place.run(&targets).success();
    let descriptor = fs_err::read_to_string(place.path().join("x/y/buildpack.toml")).unwrap();
    assert!(descriptor.starts_with("api = \"0.11\"\n\n[buildpack]\nid = \"a/b.c\"\nversion = \"2\"\n"), "{descriptor}");
    let listed = "[[targets]]\nos = \"linux\"\narch = \"arm\"\nvariant = \"v7\"\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n";
    assert!(descriptor.ends_with(listed), "{descriptor}");
    for id in ["", "..", "a/", "a//b", "app", "a b"] {
        let refused = place.run(&["buildpack", "new", id]).failure(1).stderr;
        assert!(refused.contains("cannot be the id of a buildpack"), "{id}: {refused}");
    }
    place.run(&["buildpack", "new", "a/b", "--api", "0.6"]).failure(1);
    // As packaging says it.
    for (version, problem) in [
        ("", "'buildpack.version' is required"),
        ("../1", "'buildpack.id' and 'buildpack.version' must be usable as directory names"),
        ("..", "'buildpack.id' and 'buildpack.version' must be usable as directory names"),
    ] {
        let refused = place.run(&["buildpack", "new", "a/b", "--version", version]).failure(1).stderr;
        assert_eq!(refused, format!("ERROR: buildpack.toml: {problem}\n"));
        assert!(!place.path().join("b").exists());
    }
    place.run(&["buildpack", "package", "b.cnb", "--format", "file", "--path", "x/y"]).success();
}
