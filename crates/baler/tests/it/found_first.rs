//! What is wrong with flags and files is found out before anything runs.

use std::os::unix::fs::PermissionsExt;

use baler_test_registry::{Fault, Options, Rule, TestRegistry};

use crate::support::{Place, User, application, buildpack, users, write};

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["small"])?;
    buildpack(&place, "small", "exit 0", "exit 0");
    application(&place, &[("file", "text")]);
    place.create_builder();
    Some(place)
}

fn refused(place: &Place, image: &str, flags: &[&str], text: &str) {
    let arguments = [&["build", image, "--builder", "builder"], flags].concat();
    let failed = place.run(&arguments).failure(1);
    assert!(failed.stderr.starts_with("ERROR: ") && failed.stderr.contains(text), "{flags:?}: {}", failed.stderr);
    assert!(!failed.stdout.contains("==="), "{flags:?}: {}", failed.stdout);
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let Some(place) = place(User::Caller) else { return };
    let path = |name: &str| place.path().join(name);
    write(&path("no.zip"), "PK\u{3}\u{4} is how one begins");
    write(&path("empty.zip"), "");
    write(&path("wrong-name.env"), "A=1\n  =x\n");
    write(&path("nul.env"), "A=1\nB=\0\n");
    write(&path("unknown.toml"), "[_]\nschema-version = \"0.9\"\n");
    write(&path("number.toml"), "[_]\nschema-version = 1\n");
    write(&path("file"), "x");
    for (flags, text) in [
        (&["--path", "no.zip"][..], "app path must be a directory or zip: no.zip is neither, or damaged"),
        (&["--path", "empty.zip"], "app path must be a directory or zip: empty.zip is neither, or damaged"),
        (&["--path", "absent"], "the application directory absent does not exist"),
        (&["--path", "app", "--env-file", "wrong-name.env"], "'=x' is not a variable"),
        (&["--path", "app", "--env-file", "nul.env"], "variable 'B' has a NUL byte in its value"),
        (&["--path", "app", "--env-file", "absent"], "could not read the variables of absent"),
        (&["--path", "app", "--descriptor", "absent"], "stat project descriptor 'absent': there is no such file"),
        (&["--path", "app", "--descriptor", "unknown.toml"], "unknown project descriptor schema version 0.9"),
        (&["--path", "app", "--descriptor", "number.toml"], "expected a string"),
        (
            &["--path", "app", "--cache", "type=build;format=bind;source=file"],
            "could not use the cache directory file/build-cache",
        ),
        (&["--path", "app", "--platform", "windows"], "no image for windows/"),
        (&["--path", "app", "--platform", "linux//x"], "'linux//x' is not a platform"),
        (&["--path", "app", "--creation-time", "yesterday"], "parsing creation time yesterday"),
    ] {
        refused(&place, "app", flags, text);
    }
    place.build(&["--platform", "linux"]).success();
}

#[test]
fn a_cache_directory_that_is_closed() {
    // Not root, to whom nothing is closed.
    let Some(place) = place(*users().last().unwrap()) else { return };
    let directory = place.path().join("cache/build-cache");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o555)).unwrap();
    let flags = ["--path", "app", "--cache", "type=build;format=bind;source=cache"];
    refused(&place, "app", &flags, "could not use the cache directory cache/build-cache");
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_cache_image_that_may_not_be_pushed() {
    let Some(place) = place(User::Caller) else { return };
    let registry = TestRegistry::start(Options::default()).unwrap();
    registry.rule(Rule::new("POST", "/v2/cache/blobs/uploads/", Fault::status(403)).always());
    let [app, cache] = ["app", "cache"].map(|name| format!("{}/{name}", registry.address()));
    let flags = ["--path", "app", "--publish", "--cache-image", &cache];
    refused(&place, &app, &flags, &format!("failed to ensure registry read/write access to {cache}"));
    let by_digest = format!("{cache}@sha256:{}", "0".repeat(64));
    let flags = ["--path", "app", "--publish", "--cache-image", &by_digest];
    refused(&place, &app, &flags, &format!("'{by_digest}' is not a tag reference"));
}
