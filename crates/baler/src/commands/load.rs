//! `baler load`.

use std::process::ExitCode;

use baler_image::Reference;
use baler_store::{Layout, load_layout};

use crate::arguments::LoadArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: &LoadArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let name: Option<Reference> = arguments.name.as_deref().map(str::parse).transpose()?;
    let host = Host::open()?;
    let layout = Layout::open(&arguments.path)?;
    for image in load_layout(host.store(), &layout, name.as_ref(), &|_| {})? {
        console.result(&format!("Loaded {} ({})", image.reference.familiar(), image.digest));
    }
    Ok(ExitCode::SUCCESS)
}
