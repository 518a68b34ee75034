//! `baler inspect`: the forms that `pack inspect` writes, and what it leaves out.

mod structured;
mod text;

use std::process::ExitCode;

use baler_image::ImageName;
use baler_platform::images;

use super::sides::Both;
use crate::arguments::{ImageFormat, InspectArguments};
use crate::host::Host;
use crate::output::Console;

pub(super) use structured::written;
pub(crate) use text::shortened;

/// Neither side has the image.
#[derive(Debug, thiserror::Error)]
#[error("unable to find image '{0}' locally or remotely")]
pub(crate) struct Nowhere(String);

pub(crate) fn run(arguments: InspectArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let name: ImageName = arguments.image.parse()?;
    let mut host = Host::open()?;
    host.set_insecure_registries(arguments.registry.insecure_registry);
    host.do_not_retry();
    let sides = images::inspect_sides(&host.context(console, None)?, &name, !arguments.local);
    let sides = Both::of(sides, Ok).found_anywhere(|| Nowhere(arguments.image))?;
    match arguments.output {
        ImageFormat::HumanReadable => text::lines(&name, &sides).iter().for_each(|line| console.result(line)),
        format => {
            let value = structured::value(&name, sides)?;
            console.result(structured::written(&value, format)?.trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}
