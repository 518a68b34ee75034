//! `baler tag`.

use std::process::ExitCode;

use baler_image::ImageName;
use baler_platform::images;

use crate::arguments::TagArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: &TagArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let image = arguments.image.parse()?;
    let names: Vec<ImageName> = arguments.names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let host = Host::open()?;
    let tagged = images::tag(&host.context(console, None)?, &image, &names)?;
    for name in &names {
        console.result(&format!("Tagged '{name}': {}", tagged.digest()));
    }
    Ok(ExitCode::SUCCESS)
}
