//! The same table where the images are in a daemon: dockerd with each of its image stores, and Podman.

use super::subjects::Subjects;
use super::{Words, found, ways};
use crate::support::{Outcome, Place, Running, User, outcome};

/// As in [`super::WAYS`]; names are those of images in the daemon.
const WAYS: &str = "
a builder by flag     | builder | build made-app -B NAME -p app
a build image         | build   | builder create made --config m.toml | m.toml: BUILDER:NAME:AT/run:tag
a run image by flag   | run     | build made-app -B builder -p app --run-image NAME
a run image, again    | run     | build docker-daemon:made-app -B builder -p app --run-image NAME
a new base            | run     | build made-app -B builder -p app && rebase made-app --run-image NAME --force
a previous image      | app     | build made-app -B builder -p app --daemon --previous-image NAME | | absent=none
inspect               | app     | inspect --local NAME
resolve               | app     | resolve NAME
run                   | app     | run NAME
sbom download         | app     | sbom download NAME --output-dir OUT
save                  | app     | save NAME --output OUT.tar
rebase                | app     | rebase made-app --previous-image NAME
tag                   | app     | tag NAME tagged:1
push                  | app     | push NAME AT/pushed:1
";

/// What is behind the name, and what comes of it.
const FORMS: [(&str, &str); 4] = [
    (":1", "image"),
    ("", "image"),
    (":absent", "absent"),
    ("@sha256:0000000000000000000000000000000000000000000000000000000000000000", "absent"),
];

fn run(place: &Place, running: &Running, arguments: &[&str]) -> Outcome {
    outcome(place.command(arguments).env("DOCKER_HOST", running.address()))
}

#[test]
fn whoever_names_an_image_of_a_daemon_gets_it_or_is_told_why_not() {
    let engines = [Running::classic_docker(), Running::containerd_docker(), Running::podman()];
    for running in engines.into_iter().flatten() {
        let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
        let Some(subjects) = Subjects::make(&place) else { return };
        for (subject, image) in [("builder", "builder"), ("build", "test-build"), ("run", "test-run")] {
            hold(&place, &running, subject, image);
        }
        place.run(&["pull", &format!("{}/app:tag", subjects.address())]).success();
        hold(&place, &running, "app", &format!("{}/app:tag", subjects.address()));
        let mut wrong = Vec::new();
        for way in ways(WAYS) {
            for (form, usual) in FORMS {
                let name = format!("docker-daemon:held.example/{}{form}", way.subject);
                let expected = run(&place, &running, &["-v", "resolve", &name]);
                let expected = format!("{}{}", expected.stdout, expected.stderr);
                let expected = found(&expected, &name);
                let out = format!("out-{}-{}", way.who.replace(' ', "-"), form.trim_start_matches([':', '@']));
                let words = Words { name: &name, at: &subjects.address(), out: &out };
                let outcome = way.run(&place, &words, &[("DOCKER_HOST", running.address())]);
                let said = format!("{}{}", outcome.stdout, outcome.stderr);
                let at = format!("{} as {name} in {}: {said}", way.who, running.address());
                let is_right = !said.contains("no layers")
                    && match way.outcome(usual) {
                        "image" => outcome.code == Some(0) && expected.is_some() && found(&said, &name) == expected,
                        "none" => outcome.code == Some(0),
                        _ => outcome.code != Some(0) && said.contains(&format!("'{name}' does not exist in ")),
                    };
                if !is_right {
                    wrong.push(format!("{at} must be {expected:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
    }
}

/// Has an image of the store in the daemon, and there alone, as `held.example/SUBJECT` with two tags.
fn hold(place: &Place, running: &Running, subject: &str, image: &str) {
    for tag in ["1", "latest"] {
        let name = format!("held.example/{subject}:{tag}");
        place.run(&["tag", image, &name]).success();
        place.run(&["save", &name, "--output", "held.tar"]).success();
        running.load(&place.path().join("held.tar"));
        place.run(&["rm", &name]).success();
        std::fs::remove_file(place.path().join("held.tar")).unwrap();
    }
}
