//! `baler rm`.

use std::process::ExitCode;

use baler_image::Reference;
use baler_platform::images;

use super::prune::describe;
use crate::arguments::RemoveArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: &RemoveArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let mut references: Vec<Reference> = arguments.images.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let host = Host::open()?;
    if arguments.all {
        references = images::names(host.store())?;
    }
    let freed = images::remove(host.store(), &references)?;
    for reference in &references {
        console.result(&format!("Removed {}", reference.familiar()));
    }
    if !console.is_quiet() {
        console.result(&format!("Freed {}", describe(&freed)));
    }
    Ok(ExitCode::SUCCESS)
}
