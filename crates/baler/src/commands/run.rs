//! `baler run`.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use baler_platform::run::{self, RunRequest};
use baler_platform::variables;

use crate::arguments::RunArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: RunArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let host = Host::open()?;
    let request = RunRequest {
        image: arguments.image.parse()?,
        at_terminal: std::io::stdin().is_terminal(),
        ports: arguments.publish,
        process: arguments.process,
        entrypoint: arguments.entrypoint,
        arguments: arguments.arguments,
        variables: variables::read(&[], &arguments.env, &|name| host.variable(name))?,
    };
    let exit = run::run(&host.context(console, None)?, &request)?;
    Ok(ExitCode::from(u8::try_from(exit.shell_code()).unwrap_or(1)))
}
