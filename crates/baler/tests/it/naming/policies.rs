//! Whoever names an image, pull policies mean the same (issue 6): `always` takes what the registry has, `if-not-present`
//! what the store has and else the registry, `never` what the store has and nothing else.

use super::subjects::Subjects;
use super::{Way, Words, found, ways};
use crate::support::{Place, User, outcome, write};

/// As in the table of names; the last command gets the policy.
const WAYS: &str = "
a builder by flag             | builder   | build app -B NAME -p app --run-image AT/run:tag
a builder in project.toml     | builder   | build app -p app --run-image AT/run:tag | app/project.toml: [_]\\nschema-version = '0.2'\\n[io.buildpacks]\\nbuilder = 'NAME'
a build image                 | build     | builder create made --config m.toml  | m.toml: BUILDER:NAME:AT/run:tag
a run image by flag           | run       | build app -B AT/of-registry:tag -p app --run-image NAME
a run image of a builder      | run       | builder create AT/made:1 --config m.toml --publish && pull AT/made:1 && build app -B AT/made:1 -p app | m.toml: BUILDER:AT/build:tag:NAME
a run image of an app         | run       | build AT/of:1 -B AT/of-registry:tag -p app && push AT/of:1 && rebase AT/of:1 --run-image NAME --force
a run image in an app's label | run       | builder create AT/made:1 --config m.toml --publish && pull AT/made:1 && build AT/of:1 -B AT/made:1 -p app && push AT/of:1 && rebase AT/of:1 | m.toml: BUILDER:AT/build:tag:NAME
an extension                  | run       | build app -B AT/switching:tag -p app --run-image AT/run:tag | app/run.Dockerfile: FROM NAME\\n
a buildpack                   | buildpack | build app -B AT/of-registry:tag -p app --buildpack docker://NAME
an extension's package        | extension | build app -B AT/of-registry:tag -p app --extension docker://NAME
a buildpack in a builder      | buildpack | builder create made --config m.toml  | m.toml: BUILDER:AT/build:tag:AT/run:tag'\\n[[buildpacks]]\\nuri = 'docker://NAME
a lifecycle                   | lifecycle | builder create made --config m.toml  | m.toml: BUILDER:AT/build:tag:AT/run:tag'\\n[lifecycle]\\nuri = 'docker://NAME
";

/// The policy; what is taken where the store has an older image than the registry; and where it has none.
const POLICIES: &str = "
always         | newer | newer
if-not-present | older | newer
never          | older | error
";

const TAG: &str = "policy";

impl Way {
    /// Runs all but the last command, brings the store into a state, and runs the last one with the policy.
    fn run_with(&self, place: &Place, words: &Words<'_>, policy: &str, prepare: impl FnOnce()) -> (bool, String) {
        for (path, text) in &self.files {
            write(&place.path().join(path), &words.file(text));
        }
        let (last, before) = self.commands.split_last().unwrap();
        let run = |command: &str, more: &[&str]| {
            let command = words.put(command);
            let arguments: Vec<&str> = command.split_whitespace().chain(more.iter().copied()).collect();
            outcome(&mut place.command(&arguments))
        };
        for command in before {
            run(command, &[]).success();
        }
        prepare();
        let outcome = run(last, &["--verbose", "--pull-policy", policy]);
        for (path, _) in &self.files {
            std::fs::remove_file(place.path().join(path)).unwrap();
        }
        (outcome.code == Some(0), format!("{}{}", outcome.stdout, outcome.stderr))
    }
}

#[test]
fn policies_mean_the_same_whoever_names_an_image() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    let Some(subjects) = Subjects::make(&place) else { return };
    let at = subjects.address();
    // The policy is that of all other images of a command, too: each is in the registry and in the store.
    for builder in ["of-registry", "switching"] {
        place.run(&["push", builder, &format!("{at}/{builder}:tag")]).success();
    }
    let others = ["build:tag", "run:tag", "run:second", "of-registry:tag", "switching:tag"];
    for other in others {
        place.run(&["pull", &format!("{at}/{other}")]).success();
    }
    let (mut rows, mut wrong) = (0, Vec::new());
    for way in ways(WAYS) {
        let name = subjects.name(way.subject, &format!(":{TAG}"));
        let older = subjects.digest(way.subject);
        let words = Words { name: &name, at: &at, out: "out" };
        for line in POLICIES.lines().filter(|line| !line.is_empty()) {
            let cells = super::cells(line);
            for (is_held, expected) in [(true, cells[1]), (false, cells[2])] {
                subjects.point(way.subject, TAG, &older);
                let newer = subjects.newer(way.subject);
                let (is_success, said) = way.run_with(&place, &words, cells[0], || {
                    // It may be there from a command before.
                    drop(place.run(&["rm", &name]));
                    if is_held {
                        place.run(&["pull", &name]).success();
                    }
                    subjects.point(way.subject, TAG, &newer);
                });
                rows += 1;
                let found = found(&said, &name);
                let is_right = match expected {
                    "error" => !is_success && said.contains(&format!("'{name}' does not exist in the local store")),
                    "newer" => is_success && found.is_some_and(|found| found.contains(&newer)),
                    _ => is_success && found.is_some_and(|found| found.contains(&older)),
                };
                if !is_right {
                    let held = if is_held { "held" } else { "not held" };
                    wrong.push(format!("{}, {}, {held}: {expected} expected: {said}", way.who, cells[0]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {rows} rows are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}
