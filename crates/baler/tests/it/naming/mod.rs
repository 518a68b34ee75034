//! Who names an image, and to which command: a table (issue 6). What is named is found, or it is said exactly why not,
//! whoever names it.
//!
//! The forms of references and documents are in `crates/baler-platform/tests/resolution`, all of them; here stands for each
//! who names an image and for each form that a registry can answer with: the digest that must be found, or the error.

mod daemons;
mod in_place;
mod phases;
mod policies;
mod subjects;

use crate::support::{Outcome, Place, User, write};
use subjects::Subjects;

/// Who names it; what it must be; the commands, of which the last one that runs is looked at; files that they read, `;`
/// between them; outcomes that are not those of [`FORMS`]. `NAME` is the name, `AT` the registry.
const WAYS: &str = "
a builder by flag             | builder   | build app -B NAME -p app
a builder in config.toml      | builder   | build app -p app                     | .pack/config.toml: default-builder-image = 'NAME'
a builder in project.toml     | builder   | build app -p app                     | app/project.toml: [_]\\nschema-version = '0.2'\\n[io.buildpacks]\\nbuilder = 'NAME'
a build image                 | build     | builder create made --config m.toml  | m.toml: BUILDER:NAME:AT/run:tag
a run image by flag           | run       | build app -B builder -p app --run-image NAME
a run image of a builder      | run       | builder create made --config m.toml && build app -B made -p app | m.toml: BUILDER:AT/build:tag:NAME
a mirror in a builder         | run       | builder create made --config m.toml && build app -B made -p app | m.toml: BUILDER:AT/build:tag:AT/none:1', mirrors = ['NAME'], x = '
a mirror in config.toml       | run       | build app -B of-registry -p app      | .pack/config.toml: [[run-images]]\\nimage = 'AT/run:second'\\nmirrors = ['NAME'] | absent=another, other=another, chart=another, damaged=another, refused=another
a run image of an app         | run       | build of-name -B builder -p app --run-image AT/run:tag && rebase of-name --run-image NAME --force
a run image in an app's label | run       | builder create made --config m.toml && build of-name -B made -p app && rebase of-name | m.toml: BUILDER:AT/build:tag:NAME
an extension                  | run       | build app -B switching -p app        | app/run.Dockerfile: FROM NAME\\n
a previous image              | app       | build AT/new -B builder -p app --publish --previous-image NAME | | absent=none, other=none
a cache image                 | cache     | build AT/new -B builder -p app --publish --cache-image NAME | | digest=untagged, absent=none, other=dropped, chart=dropped, damaged=dropped
a buildpack                   | buildpack | build app -B builder -p app --buildpack docker://NAME
an extension's package        | extension | build app -B builder -p app --extension docker://NAME
a buildpack in a builder      | buildpack | builder create made --config m.toml  | m.toml: BUILDER:AT/build:tag:AT/run:tag'\\n[[buildpacks]]\\nuri = 'docker://NAME
a lifecycle                   | lifecycle | builder create made --config m.toml  | m.toml: BUILDER:AT/build:tag:AT/run:tag'\\n[lifecycle]\\nuri = 'docker://NAME
inspect                       | app       | inspect NAME | | absent=nowhere
pull                          | app       | pull NAME
resolve                       | app       | resolve NAME
resolve in a registry         | app       | resolve NAME --from registry
run                           | app       | run NAME
sbom download                 | app       | sbom download NAME --remote --output-dir OUT
save                          | app       | pull NAME && save NAME --output OUT.tar
rebase                        | app       | rebase AT/new --previous-image NAME --publish
tag                           | app       | pull NAME && tag NAME tagged:1
push                          | app       | pull NAME && push NAME AT/pushed:1
";

/// How the registry has it, what must come of it, and the error where it is one. A name has a tag or a digest.
const FORMS: &str = "
:tag            | image
:index          | image
:list           | image
@IMAGE          | digest
@INDEX          | digest
:moved@INDEX    | digest
:absent         | absent   | does not exist
:other          | other    | no image for linux/amd64 in
:chart          | chart    | application/vnd.example.chart
:damaged        | damaged  | is damaged
:refused        | refused  | refused to be read
";

#[derive(Clone)]
struct Way {
    who: &'static str,
    subject: &'static str,
    commands: Vec<&'static str>,
    files: Vec<(&'static str, &'static str)>,
    /// The outcomes that are others here.
    outcomes: Vec<(&'static str, &'static str)>,
}

fn cells(line: &'static str) -> Vec<&'static str> {
    line.split(" |").map(str::trim).collect()
}

fn ways(table: &'static str) -> Vec<Way> {
    let way = |line: &'static str| {
        let cells = cells(line);
        let cell = |index: usize| cells.get(index).copied().unwrap_or_default();
        let pairs = |cell: &'static str, between: &str, within: &str| {
            cell.split(between).filter_map(|pair| pair.split_once(within)).map(|(a, b)| (a.trim(), b.trim())).collect()
        };
        Way {
            who: cell(0),
            subject: cell(1),
            commands: cell(2).split(" && ").collect(),
            files: cell(3).split_once(": ").into_iter().collect(),
            outcomes: pairs(cell(4), ",", "="),
        }
    };
    table.lines().filter(|line| !line.is_empty()).map(way).collect()
}

/// What the words of the table stand for.
struct Words<'a> {
    name: &'a str,
    at: &'a str,
    out: &'a str,
}

impl Words<'_> {
    fn put(&self, text: &str) -> String {
        text.replace("NAME", self.name).replace("AT/", &format!("{}/", self.at)).replace("OUT", self.out)
    }

    /// A file: `BUILDER:BUILD IMAGE:RUN IMAGE`, at more of which may follow, is a builder.toml.
    fn file(&self, text: &str) -> String {
        let text = text.replace("\\n", "\n");
        let Some(images) = text.strip_prefix("BUILDER:") else { return self.put(&text) };
        let colon = if let Some(rest) = images.strip_prefix("NAME:") {
            images.len() - rest.len() - 1
        } else {
            images.find(":tag:").unwrap() + 4
        };
        let (build, run) = (&images[..colon], &images[colon + 1..]);
        self.put(&format!(
            "[build]\nimage = '{build}'\n[[run.images]]\nimage = '{run}'\n[[buildpacks]]\nuri = 'one'\n[[order]]\n[[order.group]]\nid = 'test/one'\n"
        ).replace("', mirrors", "'\nmirrors").replace(", x = ''", ""))
    }
}

impl Way {
    /// Runs the commands until one fails, and says how the last one ended.
    fn run(&self, place: &Place, words: &Words<'_>, variables: &[(&str, String)]) -> Outcome {
        for (path, text) in &self.files {
            write(&place.path().join(path), &words.file(text));
        }
        let mut last = None;
        for command in &self.commands {
            let command = words.put(command);
            let arguments: Vec<&str> = std::iter::once("-v").chain(command.split_whitespace()).collect();
            let outcome = crate::support::outcome(place.command(&arguments).envs(variables.iter().cloned()));
            let has_failed = outcome.code != Some(0);
            last = Some(outcome);
            if has_failed {
                break;
            }
        }
        for (path, _) in &self.files {
            std::fs::remove_file(place.path().join(path)).unwrap();
        }
        last.unwrap()
    }

    fn outcome(&self, outcome: &'static str) -> &'static str {
        let here = self.outcomes.iter().find(|(usual, _)| *usual == outcome).map(|(_, here)| *here);
        // A digest names an image as a tag does, unless the image is to be written to as well.
        here.unwrap_or(if outcome == "digest" { "image" } else { outcome })
    }
}

/// Where and what a resolution of `name` finds, as it is told.
fn found<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    let line = said.lines().find(|line| line.contains(&format!("'{name}'")) && line.contains(": found in "))?;
    line.split(": found in ").nth(1)
}

#[test]
fn whoever_names_an_image_gets_it_or_is_told_why_not() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    let Some(subjects) = Subjects::make(&place) else { return };
    let (mut rows, mut wrong) = (0, Vec::new());
    for way in ways(WAYS) {
        for form in FORMS.lines().filter(|line| !line.is_empty()).map(cells) {
            let name = subjects.name(way.subject, form[0]);
            let out = format!("out-{rows}");
            let words = Words { name: &name, at: &subjects.address(), out: &out };
            let outcome = way.run(&place, &words, &[]);
            rows += 1;
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            let at = format!("{} as {}: {said}", way.who, form[0]);
            let is_right = !said.contains("no layers")
                && match way.outcome(form[1]) {
                    "image" => {
                        let found = found(&said, &name);
                        outcome.code == Some(0)
                            && found.is_some_and(|found| found.contains(&subjects.digest(way.subject)))
                    }
                    // Without it; or with another image, of which this one is only a mirror.
                    "untagged" => outcome.stderr.contains(&format!("'{name}' is not a tag reference")),
                    "none" | "another" => outcome.code == Some(0),
                    "dropped" => {
                        outcome.code == Some(0) && said.contains(&format!("Not using the cache image '{name}': "))
                    }
                    "nowhere" => outcome.stderr.contains(&format!("unable to find image '{name}' locally or remotely")),
                    _ => outcome.code != Some(0) && said.contains(form[2]) && said.contains(&name),
                };
            if !is_right {
                wrong.push(at);
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(rows > 250, "{rows} rows");
}
