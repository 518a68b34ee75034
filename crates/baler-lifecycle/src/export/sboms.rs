//! SBOM files of the lifecycle and the launcher, copied beside those of the buildpacks (Platform API ≥ 0.11).

use std::path::Path;

use super::{ComponentSboms, ExportInputs};
use crate::files::{FileError, make_directories, write_file};
use crate::log::Log;

const SUFFIXES: [&str; 3] = ["sbom.cdx.json", "sbom.spdx.json", "sbom.syft.json"];

/// A program of the release, and where its files go in the layers directory.
struct Component {
    name: &'static str,
    target: &'static str,
}

const LIFECYCLE: Component = Component { name: "lifecycle", target: "sbom/build/buildpacksio_lifecycle" };
const LAUNCHER: Component = Component { name: "launcher", target: "sbom/launch/buildpacksio_lifecycle/launcher" };

/// Copies the files of a release, where there are some.
pub(crate) fn copy(inputs: &ExportInputs<'_>, log: &dyn Log) -> Result<(), FileError> {
    for (component, sboms) in [(&LIFECYCLE, &inputs.sboms.lifecycle), (&LAUNCHER, &inputs.sboms.launcher)] {
        match sboms {
            Some(ComponentSboms::Embedded(files)) => {
                for (suffix, content) in *files {
                    write(inputs, component, suffix, content)?;
                }
            }
            Some(ComponentSboms::Release(directory)) => copy_release(inputs, component, directory, log)?,
            Some(ComponentSboms::Custom(directory)) => copy_all(inputs, component, directory)?,
            None => {}
        }
    }
    Ok(())
}

/// A directory that the user names: whatever looks like an SBOM, under its own name.
fn copy_all(inputs: &ExportInputs<'_>, component: &Component, directory: &Path) -> Result<(), FileError> {
    let because = || FileError::because("read directory", directory);
    make_directories(&inputs.layers.host, Path::new(component.target), inputs.user.host)?;
    for entry in fs_err::read_dir(directory).map_err(because())? {
        let path = entry.map_err(because())?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
            let content = fs_err::read(&path).map_err(FileError::because("read", &path))?;
            write(inputs, component, name, &content)?;
        }
    }
    Ok(())
}

fn copy_release(
    inputs: &ExportInputs<'_>,
    component: &Component,
    directory: &Path,
    log: &dyn Log,
) -> Result<(), FileError> {
    for suffix in SUFFIXES {
        let name = format!("{}.{suffix}", component.name);
        let path = directory.join(&name);
        let content = match fs_err::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                log.warn(&format!("Did not find SBOM {name} in {}", directory.display()));
                continue;
            }
            content => content.map_err(FileError::because("read", &path))?,
        };
        let copy = inputs.layers.host.join(component.target).join(suffix);
        log.debug(&format!("Copying SBOM {name} to {}", copy.display()));
        write(inputs, component, suffix, &content)?;
    }
    Ok(())
}

fn write(inputs: &ExportInputs<'_>, component: &Component, name: &str, content: &[u8]) -> Result<(), FileError> {
    let owner = inputs.user.host;
    make_directories(&inputs.layers.host, Path::new(component.target), owner)?;
    write_file(&inputs.layers.host.join(component.target).join(name), content, owner)
}
