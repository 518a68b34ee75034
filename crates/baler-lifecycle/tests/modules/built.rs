//! A place in which a whole build was made, phase by phase, and calls of single phases in it.

use std::process::Command;

use crate::layouts::{open_up, prepare};
use crate::programs::{as_nobody, call, outcome};
use crate::support::Place;

/// A phase with everything that it needs, in a place where a build was made.
pub(crate) fn phase(place: &Place, name: &str) -> Option<Command> {
    let mut command = match name {
        "detect" | "build" | "extend" => call(place, name)?,
        "create" => with_layouts(call(place, name)?, place),
        _ => {
            let mut command = call(place, "-version")?;
            // The program, the user and the variables; but not the directories that this phase does not take.
            let mut other = Command::new(command.get_program());
            std::mem::swap(&mut command, &mut other);
            as_nobody(&mut command);
            command.env("CNB_PLATFORM_API", "0.15").env("TMPDIR", place.path("tmp")).arg(name);
            if name == "rebase" {
                command.arg("-report").arg(place.path("layers/report.toml"));
            } else {
                command.arg("-layers").arg(place.path("layers"));
            }
            with_layouts(command, place)
        }
    };
    match name {
        "restore" => command.arg("-cache-dir").arg(place.path("cache")),
        "export" => {
            command.arg("-cache-dir").arg(place.path("cache")).arg("-launcher").arg(place.path("launcher"));
            command.arg("-app").arg(place.path("app"))
        }
        "create" => {
            command.arg("-cache-dir").arg(place.path("cache")).arg("-launcher").arg(place.path("launcher"));
            command.args(["-run-image", "registry.example/run", "-uid", "65534", "-gid", "65534"])
        }
        "analyze" => command.args(["-run-image", "registry.example/run"]),
        _ => &mut command,
    };
    Some(command)
}

/// Images are in layouts. By variables: not every phase has flags for that.
fn with_layouts(mut command: Command, place: &Place) -> Command {
    command.env("CNB_USE_LAYOUT", "true").env("CNB_LAYOUT_DIR", place.path("layouts"));
    command.env("CNB_EXPERIMENTAL_MODE", "quiet").env("HOME", place.path("tmp"));
    command
}

/// Runs a phase; `None`: it cannot be done here.
pub(crate) fn run(place: &Place, name: &str, arguments: &[&str]) -> Option<(Option<i32>, String)> {
    prepared(place, name, arguments).map(|mut command| outcome(&mut command))
}

/// The same, not yet started.
pub(crate) fn prepared(place: &Place, name: &str, arguments: &[&str]) -> Option<Command> {
    let mut command = phase(place, name)?;
    command.args(arguments.iter().map(|argument| argument.replace("{place}", &place.path("").to_string_lossy())));
    if matches!(name, "analyze" | "export" | "create") {
        command.arg("registry.example/app:1");
    }
    Some(command)
}

/// A place in which all phases were run, each once.
pub(crate) fn built() -> Option<Place> {
    let place = prepare();
    open_up(&place);
    for name in ["analyze", "detect", "restore", "build", "export"] {
        let (code, output) = run(&place, name, &[])?;
        assert_eq!(code, Some(0), "{name}: {output}");
    }
    Some(place)
}

/// What should not be in a place: temporary files.
pub(crate) fn left_behind(place: &Place) -> Vec<String> {
    let found = Command::new("find").current_dir(place.path("")).output().unwrap();
    let mut names: Vec<_> = String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect();
    names.retain(|name| name.contains("/.") || name.contains("/tmp/") || name.contains("staging/"));
    names
}
