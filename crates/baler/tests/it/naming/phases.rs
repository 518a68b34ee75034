//! The same table where the phases are programs of a lifecycle: by flags, variables and run.toml.

use super::subjects::Subjects;
use super::{FORMS, Words, cells, ways};
use crate::support::{Outcome, Place, User, phase, write};

/// As in [`super::WAYS`], but one phase each; in place of files, variables and what `run.toml` has.
const WAYS: &str = "
a run image by flag          | run   | analyzer -layers layers -run-image NAME AT/new
a run image by variable      | run   | analyzer -layers layers AT/new | CNB_RUN_IMAGE: NAME
run.toml by flag             | run   | analyzer -layers layers -run run.toml AT/new | run.toml: [[images]]\\nimage = 'NAME'\\n
run.toml by variable         | run   | analyzer -layers layers AT/new | CNB_RUN_PATH: [[images]]\\nimage = 'NAME'\\n
a mirror in run.toml         | run   | analyzer -layers layers -run run.toml AT/new | run.toml: [[images]]\\nimage = 'r.invalid/run'\\nmirrors = ['NAME']\\n
the base of a rebase         | run   | rebaser -report report.toml -force -run-image NAME AT/cached
its base by variable         | run   | rebaser -report report.toml -force AT/cached | CNB_RUN_IMAGE: NAME
a previous image by flag     | app   | analyzer -layers layers -run-image AT/run:tag -previous-image NAME AT/new | | absent=none, other=none, chart=none, damaged=none
a previous image by variable | app   | analyzer -layers layers -run-image AT/run:tag AT/new | CNB_PREVIOUS_IMAGE: NAME | absent=none, other=none, chart=none, damaged=none
a cache image by flag        | cache | restorer -layers layers -group layers/group.toml -cache-image NAME | | absent=none, other=dropped, chart=dropped, damaged=dropped
a cache image by variable    | cache | restorer -layers layers -group layers/group.toml | CNB_CACHE_IMAGE: NAME | absent=none, other=dropped, chart=dropped, damaged=dropped
";

/// Runs the phase from nothing.
fn run(place: &Place, command: &str, (name, value): (&str, &str), words: &Words<'_>) -> Outcome {
    let layers = place.path().join("layers");
    let _ = std::fs::remove_dir_all(&layers);
    write(&layers.join("group.toml"), "[[group]]\nid = \"test/one\"\nversion = \"1\"\napi = \"0.12\"\n");
    let (text, open) =
        (words.file(value), <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o777));
    for directory in [place.path(), &layers] {
        std::fs::set_permissions(directory, open.clone()).unwrap();
    }
    let mut variables = Vec::new();
    match name {
        "" => {}
        "run.toml" => write(&place.path().join("run.toml"), &text),
        "CNB_RUN_PATH" => {
            write(&place.path().join("other-run.toml"), &text);
            variables.push((name, "other-run.toml".to_owned()));
        }
        _ => variables.push((name, text)),
    }
    let command = words.put(command);
    let words: Vec<&str> = command.split_whitespace().collect();
    let (program, arguments) = words.split_first().unwrap();
    phase(place, program, &[&["-log-level", "debug"], arguments].concat(), &variables)
}

/// What the phase wrote down.
fn recorded(place: &Place, subjects: &Subjects, command: &str) -> String {
    if command.starts_with("rebaser") {
        return subjects.config("cached", "latest");
    }
    std::fs::read_to_string(place.path().join("layers/analyzed.toml")).unwrap_or_default()
}

#[test]
fn whoever_names_an_image_to_a_phase_gets_it_or_is_told_why_not() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    let Some(subjects) = Subjects::make(&place) else { return };
    let (mut rows, mut wrong) = (0, Vec::new());
    for way in ways(WAYS) {
        for form in FORMS.lines().filter(|line| !line.is_empty()).map(cells) {
            let name = subjects.name(way.subject, form[0]);
            let words = Words { name: &name, at: &subjects.address(), out: "" };
            let command = way.commands[0];
            let outcome = run(&place, command, way.files.first().copied().unwrap_or_default(), &words);
            rows += 1;
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            let is_success = outcome.code == Some(0);
            let is_right = !said.contains("no layers")
                && match way.outcome(form[1]) {
                    "image" if way.subject == "cache" => is_success && !said.contains("Not using the cache image"),
                    "image" => {
                        let digest = subjects.digest(way.subject);
                        is_success
                            && recorded(&place, &subjects, command)
                                .contains(&format!("{}@{digest}", subjects.at(way.subject)))
                    }
                    "none" => is_success,
                    "dropped" => is_success && said.contains(&format!("Not using the cache image '{name}': ")),
                    _ => !is_success && said.contains(form[2]) && said.contains(&name),
                };
            if !is_right {
                wrong.push(format!("{} as {}: {said}{}", way.who, form[0], recorded(&place, &subjects, command)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(rows > 100, "{rows} rows");
}
