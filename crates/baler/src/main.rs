//! The program: `baler`, and under the names of the phases the lifecycle.
//!
//! The first thing it does is to see whether it was started as its own sandbox helper.

mod arguments;
mod commands;
mod config;
mod daemons;
mod failure;
mod host;
mod output;
mod registries;
mod report;
mod signals;

use std::process::ExitCode;

use baler_lifecycle::program::{Program, run_program};
use clap::Parser;

use arguments::Arguments;
use output::Console;

fn main() -> ExitCode {
    if let Some(code) = baler_sandbox::dispatch(&[baler_store::UNPACK_OPERATION]) {
        return code;
    }
    // What is made for others to read must be readable, and modes in layers must not depend on the user's settings.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let argv: Vec<_> = std::env::args_os().collect();
    if let Some(phase) = argv.first().and_then(|name| Program::named(name)) {
        return run_program(phase, argv[1..].to_vec(), std::env::vars_os().collect());
    }
    let arguments = match Arguments::try_parse_from(arguments::join_timings(argv)) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    // One console for as long as the program runs: threads of the registry client tell it what they do.
    let console: &'static Console = Box::leak(Box::new(Console::new(&arguments.global)));
    registries::tell(console);
    match commands::run(arguments, console) {
        Ok(code) => code,
        Err(error) => {
            console.error(&report::text(&error));
            ExitCode::from(failure::exit_code(&error))
        }
    }
}

/// Help and version are results, also where a command is left out; anything else is an error, which is 1 as in pack.
fn usage(error: &clap::Error) -> ExitCode {
    // Nothing can be done about a closed output.
    let _ = error.print();
    let is_help = error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if error.use_stderr() && !is_help { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
