//! `baler sbom download`.

use std::process::ExitCode;

use baler_platform::images;
use baler_platform::places::Search;

use crate::arguments::SbomDownloadArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: SbomDownloadArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let name = arguments.image.parse()?;
    let mut host = Host::open()?;
    host.set_insecure_registries(arguments.registry.insecure_registry);
    let search = if arguments.remote { Search::Registry } else { Search::STORE };
    let path = images::download_sbom(&host.context(console, None)?, &name, search, &arguments.output_dir)?;
    console.result(&format!("Wrote {}", path.display()));
    Ok(ExitCode::SUCCESS)
}
