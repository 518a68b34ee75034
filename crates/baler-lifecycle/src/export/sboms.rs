//! SBOM files of the lifecycle and the launcher, copied beside those of the buildpacks (Platform API ≥ 0.11).

use std::path::Path;

use super::{ExportInputs, LauncherSboms};
use crate::files::{FileError, make_directories, write_file};
use crate::log::Log;

const LAUNCHER_TARGET: &str = "sbom/launch/buildpacksio_lifecycle/launcher";
const SUFFIXES: [&str; 3] = ["sbom.cdx.json", "sbom.spdx.json", "sbom.syft.json"];

/// Copies the files of a release, where there are directories that have them.
pub(crate) fn copy(inputs: &ExportInputs<'_>, log: &dyn Log) -> Result<(), FileError> {
    if let Some(directory) = &inputs.sboms.lifecycle {
        copy_component(inputs, directory, ("lifecycle", "sbom/build/buildpacksio_lifecycle"), log)?;
    }
    match &inputs.sboms.launcher {
        Some(LauncherSboms::Release(directory)) => {
            copy_component(inputs, directory, ("launcher", LAUNCHER_TARGET), log)
        }
        Some(LauncherSboms::Custom(directory)) => copy_all(inputs, directory),
        None => Ok(()),
    }
}

/// A directory that the user names: whatever looks like an SBOM, under its own name.
fn copy_all(inputs: &ExportInputs<'_>, directory: &Path) -> Result<(), FileError> {
    let because = || FileError::because("read directory", directory);
    let owner = inputs.user.host;
    make_directories(&inputs.layers.host, Path::new(LAUNCHER_TARGET), owner)?;
    for entry in fs_err::read_dir(directory).map_err(because())? {
        let path = entry.map_err(because())?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
            let content = fs_err::read(&path).map_err(FileError::because("read", &path))?;
            write_file(&inputs.layers.host.join(LAUNCHER_TARGET).join(name), &content, owner)?;
        }
    }
    Ok(())
}

fn copy_component(
    inputs: &ExportInputs<'_>,
    directory: &Path,
    (component, target): (&str, &str),
    log: &dyn Log,
) -> Result<(), FileError> {
    let layers = &inputs.layers.host;
    for suffix in SUFFIXES {
        let name = format!("{component}.{suffix}");
        let path = directory.join(&name);
        let content = match fs_err::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                log.warn(&format!("Did not find SBOM {name} in {}", directory.display()));
                continue;
            }
            content => content.map_err(FileError::because("read", &path))?,
        };
        let owner = inputs.user.host;
        make_directories(layers, Path::new(target), owner)?;
        let copy = layers.join(target).join(suffix);
        log.debug(&format!("Copying SBOM {name} to {}", copy.display()));
        write_file(&copy, &content, owner)?;
    }
    Ok(())
}
