//! `images`, `inspect`, `rm`, `save`.

use std::process::Command;

use crate::support::{Place, User, application, buildpack, outcome, try_outcome};

fn place() -> Option<Place> {
    let place = Place::with_builder(User::Caller, &["web"])?;
    let script = "printf '[[processes]]\\ntype = \"web\"\\ncommand = [\"echo\", \"hi\"]\\ndefault = true\\n' >\"$1/launch.toml\"";
    buildpack(&place, "web", "exit 0", script);
    application(&place, &[("x", "x")]);
    place.create_builder();
    place.build(&[]).success();
    Some(place)
}

#[test]
fn images_are_listed_shown_and_removed() {
    let Some(place) = place() else { return };
    let list = place.run(&["images"]).success().stdout;
    let names: Vec<&str> = list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["app:latest", "builder:latest", "test-build:latest", "test-run:latest"]);
    let shown = place.run(&["inspect", "--local", "app"]).success().stdout;
    for text in ["Platform:  linux/amd64", "test/web", "web (default)", "io.buildpacks.lifecycle.metadata"] {
        assert!(shown.contains(text), "{text} in\n{shown}");
    }
    let removed = place.run(&["rm", "app", "builder"]).success();
    assert!(removed.stdout.starts_with("Removed app:latest\nRemoved builder:latest\nFreed "), "{}", removed.stdout);
    let gone = place.run(&["run", "app"]).failure(1);
    // Docker Hub, which the name stands for, is asked as well where it can be.
    assert!(gone.stderr.contains("image 'app' ") && gone.stderr.contains(" in the local store"), "{}", gone.stderr);
    place.run(&["rm", "app"]).failure(1);
}

#[test]
fn a_saved_image_is_a_docker_archive() {
    let Some(place) = place() else { return };
    place.run(&["save", "app", "--output", "app.tar"]).success();
    let listed = outcome(Command::new("tar").args(["-tf", "app.tar"]).current_dir(place.path()));
    let names = listed.stdout;
    assert!(names.contains("manifest.json\n"), "{names}");
    if try_outcome(Command::new("skopeo").arg("--version")).is_err() {
        eprintln!("SKIP: needs skopeo to read the archive");
        return;
    }
    let inspected =
        outcome(Command::new("skopeo").args(["inspect", "docker-archive:app.tar"]).current_dir(place.path()));
    inspected.success();
}

#[test]
fn a_slip_in_a_name_is_answered_with_what_there_is() {
    let Some(place) = Place::with_builder(User::Caller, &[]) else { return };
    let lines = |arguments: &[&str]| place.run(arguments).failure(1).stderr;
    let near = "\n  the local store has: test-run:";
    assert!(lines(&["save", "test-rum"]).contains(near));
    assert!(lines(&["resolve", "test-run:other", "--from", "store"]).contains(near));
    assert!(!lines(&["save", "something-else"]).contains("the local store has"));
}
