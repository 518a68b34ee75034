//! `baler push`.

use std::process::ExitCode;

use baler_image::ImageName;
use baler_platform::images;

use crate::arguments::PushArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: PushArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let image: ImageName = arguments.image.parse()?;
    let target = match &arguments.target {
        Some(name) => name.parse()?,
        None => image.clone(),
    };
    let mut host = Host::open()?;
    host.set_insecure_registries(arguments.registry.insecure_registry);
    let pushed = images::push(&host.context(console, None)?, &image, &target)?;
    if console.is_quiet() {
        console.result(&format!("{target}@{}", pushed.digest()));
    } else {
        console.result(&format!("Pushed '{target}': {}", pushed.digest()));
    }
    Ok(ExitCode::SUCCESS)
}
