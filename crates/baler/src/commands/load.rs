//! `baler load`.

use std::path::Path;
use std::process::ExitCode;

use baler_image::Reference;
use baler_store::{Archive, Layout, LoadedImage, Store, load_archive, load_layout};

use crate::arguments::LoadArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: &LoadArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let name: Option<Reference> = arguments.name.as_deref().map(str::parse).transpose()?;
    let host = Host::open()?;
    for image in load(host.store(), &arguments.path, name.as_ref())? {
        console.result(&format!("Loaded {} ({})", image.reference.familiar(), image.digest));
    }
    Ok(ExitCode::SUCCESS)
}

fn load(store: &Store, path: &Path, name: Option<&Reference>) -> anyhow::Result<Vec<LoadedImage>> {
    if path.is_dir() {
        return Ok(load_layout(store, &Layout::open(path)?, name, &|_| {})?);
    }
    Ok(load_archive(store, &Archive::open(path, None, store)?, name, &|_| {})?)
}
