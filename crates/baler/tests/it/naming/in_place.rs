//! The same table where the build is in place, in a container with Docker's own restrictions.

use std::fmt::Write as _;

use super::subjects::Subjects;
use super::{FORMS, Words, cells, found, ways};
use crate::support::{Docker, Place, User, write};

/// As in [`super::WAYS`]; the application is in `/source/app`.
const WAYS: &str = "
a run image by flag    | run       | build app -p /source/app --run-image NAME
an extension           | run       | build app -p /tmp/app --extension /source/switch --run-image AT/run:tag
a buildpack            | buildpack | build app -p /source/app --run-image AT/run:tag --buildpack docker://NAME
an extension's package | extension | build app -p /source/app --run-image AT/run:tag --extension docker://NAME
a previous image       | app       | build AT/new -p /source/app --run-image AT/run:tag --publish --previous-image NAME | | absent=none, other=none
a cache image          | cache     | build AT/new -p /source/app --run-image AT/run:tag --publish --cache-image NAME | | digest=untagged, absent=none, other=dropped, chart=dropped, damaged=dropped
";

/// What stands between the rows of the script's output.
const NEXT: &str = "=== next ===";

#[test]
fn whoever_names_an_image_in_place_gets_it_or_is_told_why_not() {
    let Some(docker) = Docker::start() else { return };
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    let Some(subjects) = Subjects::make(&place) else { return };
    place.run(&["save", "builder", "--output", "builder.tar"]).success();
    docker.run(&["load", "--input", place.path().join("builder.tar").to_str().unwrap()]).success();
    std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let rows: Vec<_> = ways(WAYS)
        .into_iter()
        .flat_map(|way| {
            let forms = FORMS.lines().filter(|line| !line.is_empty()).map(cells).collect::<Vec<_>>();
            forms.into_iter().map(move |form| (way.clone(), form))
        })
        .collect();
    let mut script = String::from("cp -r /source/app /tmp/app\ncd /tmp\n");
    for (way, form) in &rows {
        let name = subjects.name(way.subject, form[0]);
        let words = Words { name: &name, at: &subjects.address(), out: "" };
        let command = words.put(way.commands[0]);
        writeln!(
            script,
            "echo 'FROM {name}' >/tmp/app/run.Dockerfile\n/cnb/lifecycle/baler -v {command} 2>&1 && echo code 0 || echo code $?\necho '{NEXT}'"
        )
        .unwrap();
    }
    write(&place.path().join("script"), &script);
    let source = format!("{}:/source:ro", place.path().display());
    let arguments = ["run", "--rm", "--network", "host", "--user", "54321:54321", "--volume", &source];
    let more = ["--env", "BALER_HOME=/tmp/store", "--env", "HOME=/tmp", "builder", "sh", "/source/script"];
    let said = docker.run(&[&arguments[..], &more].concat()).success().stdout;
    let said: Vec<&str> = said.split(NEXT).collect();
    assert_eq!(said.len(), rows.len() + 1);
    let mut wrong = Vec::new();
    for ((way, form), said) in rows.iter().zip(said) {
        let name = subjects.name(way.subject, form[0]);
        let is_success = said.contains("\ncode 0\n");
        let is_right = !said.contains("no layers")
            && (!is_success || said.contains("buildpacks run in place"))
            && match way.outcome(form[1]) {
                "image" => {
                    let digest = subjects.digest(way.subject);
                    is_success && found(said, &name).is_some_and(|found| found.contains(&digest))
                }
                "untagged" => !is_success && said.contains(&format!("'{name}' is not a tag reference")),
                "none" => is_success,
                "dropped" => is_success && said.contains(&format!("Not using the cache image '{name}': ")),
                _ => !is_success && said.contains(form[2]) && said.contains(&name),
            };
        if !is_right {
            wrong.push(format!("{} as {}: {said}", way.who, form[0]));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}
