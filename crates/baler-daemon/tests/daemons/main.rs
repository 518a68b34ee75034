//! Daemons as source and sink: real ones of each kind, and one that answers badly.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]
#![expect(unreachable_pub, reason = "a test binary has no users")]
#![expect(clippy::print_stderr, reason = "tests say what they skip")]

mod cases;
mod client;
mod engine;
mod fake;
mod faults;
mod images;

use std::process::{Child, Command};

use engine::Running;

fn spawn(command: &mut Command) -> Child {
    command.spawn().unwrap()
}

#[test]
fn docker_with_the_classic_image_store() {
    if let Some(running) = Running::classic_docker() {
        cases::all(&running);
    }
}

#[test]
fn docker_with_the_containerd_image_store() {
    if let Some(running) = Running::containerd_docker() {
        cases::all(&running);
        cases::indexes(&running);
    }
}

#[test]
fn podman() {
    if let Some(running) = Running::podman() {
        cases::all(&running);
    }
}
