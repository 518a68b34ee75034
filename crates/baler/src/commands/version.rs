//! `baler version`.

use std::process::ExitCode;

use baler_platform::version::{BALER, COMMIT};

use crate::output::Console;

pub(crate) fn run(console: &Console) -> ExitCode {
    console.result(&text());
    ExitCode::SUCCESS
}

/// The version, and the commit where it is known: `0.1.0+git-1a2b3c4`.
pub(super) fn text() -> String {
    match COMMIT.get(..7) {
        Some(commit) => format!("{BALER}+git-{commit}"),
        None => BALER.to_owned(),
    }
}
