//! The lifecycle as a program of its own: a phase by the name it is called under, or by its first argument.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let program = baler_lifecycle::program::Program::named(&name).unwrap_or_default();
    baler_lifecycle::program::run_program(program, arguments.collect(), std::env::vars_os().collect())
}
