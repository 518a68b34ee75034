//! `baler builder create`.

use std::process::ExitCode;

use baler_platform::builder::{self, CreateRequest};

use crate::arguments::BuilderCreateArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: &BuilderCreateArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let request = CreateRequest { image: arguments.image.parse()?, config: arguments.config.clone() };
    let host = Host::open()?;
    let created = builder::create(&host.context(console, None)?, &request)?;
    if console.is_quiet() {
        console.result(&format!("{}@{}", request.image, created.digest));
        return Ok(ExitCode::SUCCESS);
    }
    console.result(&format!("Successfully created builder image '{}'", request.image));
    console.result(&format!("Tip: Run 'baler build <image-name> --builder {}' to use this builder", request.image));
    Ok(ExitCode::SUCCESS)
}
