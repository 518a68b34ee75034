//! `baler pull`.

use std::process::ExitCode;

use baler_image::{Platform, Wanted};
use baler_platform::images;

use crate::arguments::PullArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: PullArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let names: Vec<baler_image::ImageName> =
        arguments.images.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let wanted = match &arguments.platform {
        Some(platform) => Wanted::Exactly(platform.parse()?),
        None => Wanted::Preferably(Platform::host()),
    };
    let mut host = Host::open()?;
    host.set_insecure_registries(arguments.registry.insecure_registry);
    let context = host.context(console, None)?;
    for name in &names {
        let image = images::pull(&context, name, &wanted)?;
        if console.is_quiet() {
            console.result(&format!("{name}@{}", image.digest()));
        } else {
            console.result(&format!("Pulled '{name}' for {}: {}", image.platform(), image.digest()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
