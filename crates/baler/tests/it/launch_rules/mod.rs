//! The rules of the launcher, each in images that were built, and started by `baler run`, Docker and Podman: which
//! process, its arguments, environment, directory, what comes before it, how it ends.

mod engine;
mod image;
mod table;

use engine::Engine;
use table::{Row, Seen};

use crate::support::{Docker, User};

/// What the rows of the table print, compared for one engine.
fn check(engine: &Engine<'_>, rows: &[Row]) {
    let mut wrong = Vec::new();
    for row in rows {
        let outcome = engine.start(row);
        let is_as_said = outcome.code == Some(row.code)
            && match row.seen {
                Seen::Output(output) => outcome.stdout == output,
                Seen::Complaint(text) => outcome.stdout.is_empty() && outcome.stderr.contains(text),
                Seen::OutputAndWarning(output, text) => outcome.stdout == output && outcome.stderr.contains(text),
            };
        if !is_as_said {
            wrong.push(format!("{} {:?}: {} {:?}: {outcome:#?}", row.rule, row.start, row.code, row.seen));
        }
    }
    assert!(wrong.is_empty(), "{engine}:\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_with_baler_run() {
    for user in crate::support::users() {
        let Some(place) = image::build(user) else { return };
        let engine = Engine::Baler(&place);
        check(&engine, table::ROWS);
        check(&engine, table::ROWS_OF_BALER);
        engine.check_signals();
    }
}

#[test]
fn every_rule_with_docker() {
    let Some(docker) = Docker::start() else { return };
    let Some(place) = image::build(User::Caller) else { return };
    image::save(&place);
    docker.run(&["load", "--input", place.path().join("app.tar").to_str().unwrap()]).success();
    let engine = Engine::Docker(&docker);
    check(&engine, table::ROWS);
    check(&engine, table::ROWS_OF_CONTAINERS);
    engine.check_signals();
}

#[test]
fn every_rule_with_podman() {
    let Some(place) = image::build(User::Caller) else { return };
    let Some(podman) = engine::Podman::new() else { return };
    image::save(&place);
    podman.run(&["load", "--input", place.path().join("app.tar").to_str().unwrap()]).success();
    let engine = Engine::Podman(&podman);
    check(&engine, table::ROWS);
    check(&engine, table::ROWS_OF_CONTAINERS);
    engine.check_signals();
}
