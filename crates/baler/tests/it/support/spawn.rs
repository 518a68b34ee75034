//! Starting programs beside tests that write some.
//!
//! A file that a process has open for writing cannot be executed, and between fork and exec a new process has all that
//! this one has open, also what another test is writing. So the two keep out of each other's way.

use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::Outcome;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Writes a file while nothing is started.
pub(super) fn writing<T>(write: impl FnOnce() -> T) -> T {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    write()
}

/// Starts a program while nothing is written.
pub fn spawn(command: &mut Command) -> Child {
    try_spawn(command).unwrap()
}

fn try_spawn(command: &mut Command) -> io::Result<Child> {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Runs a program to its end.
pub fn outcome(command: &mut Command) -> Outcome {
    try_outcome(command).unwrap()
}

/// Runs a program to its end, if it can be started.
pub fn try_outcome(command: &mut Command) -> io::Result<Outcome> {
    Ok(try_spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?.wait_with_output()?.into())
}
