//! SBOM files of restored layers (Platform API ≥ 0.8).
//!
//! Those of the cache are in a layer of their own; those of the previous image were put into the layers directory by
//! analyze. Files of a buildpack as a whole are not given back.

use std::path::Path;

use baler_cnb::labels::CacheMetadata;
use baler_cnb::metadata::escape_id;

use super::data::{self, RestoredData};
use super::{RestoreError, RestoreInputs};
use crate::cache::Cache;
use crate::error_text::chain;
use crate::files::{FileError, make_directory, remove_tree, write_file};
use crate::layers_directory::LayerId;
use crate::log::Log;

/// Gives the files back to the buildpacks, and removes `<layers>/sbom`.
pub(super) fn restore(
    inputs: &RestoreInputs<'_>,
    cached: &CacheMetadata,
    restored: &RestoredData,
    log: &dyn Log,
) -> Result<(), RestoreError> {
    if let (Some(cache), false) = (inputs.cache, cached.sbom.sha.is_empty()) {
        log.info("Restoring data for SBOM from cache");
        if let Err(error) = unpack(inputs, cache, &cached.sbom.sha) {
            log.warn(&format!("Skipping restore for SBOM: {}", chain(error.as_ref())));
        }
    }
    for origin in ["cache", "launch"] {
        copy_all(inputs, origin, restored).map_err(RestoreError::File)?;
    }
    remove_tree(&inputs.layers.host.join("sbom")).map_err(RestoreError::File)
}

fn unpack(inputs: &RestoreInputs<'_>, cache: &dyn Cache, sha: &str) -> Result<(), Box<dyn std::error::Error>> {
    let diff_id = sha.parse()?;
    make_directory(&inputs.layers.host.join("sbom"), inputs.user.host)?;
    let place = inputs.layers.join("sbom/cache");
    remove_tree(&place.host)?;
    Ok(data::unpack(inputs, cache, &diff_id, &place)?)
}

/// Copies `sbom/<origin>/<bp>/<layer>/sbom.*json` to `<bp>/<layer>.sbom.*json`, for buildpacks that are here.
fn copy_all(inputs: &RestoreInputs<'_>, origin: &str, restored: &RestoredData) -> Result<(), FileError> {
    for buildpack in inputs.group {
        let name = escape_id(&buildpack.id);
        let target = inputs.layers.host.join(&name);
        if !target.is_dir() {
            continue;
        }
        let source = inputs.layers.host.join("sbom").join(origin).join(&name);
        for layer in names(&source)? {
            if restored.failed.contains(&LayerId::new(&buildpack.id, &layer)) {
                continue;
            }
            for file in names(&source.join(&layer))? {
                let from = source.join(&layer).join(&file);
                if is_sbom(&file) && is_regular(&from) {
                    let content = fs_err::read(&from).map_err(FileError::because("read", &from))?;
                    write_file(&target.join(format!("{layer}.{file}")), &content, inputs.user.host)?;
                }
            }
        }
    }
    Ok(())
}

fn is_sbom(name: &str) -> bool {
    name.strip_prefix("sbom").and_then(|rest| rest.strip_suffix("json")).is_some_and(|middle| !middle.is_empty())
}

/// Links are not followed: the files came out of an image.
fn is_regular(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// The names in a directory that are UTF-8; none where it is no directory.
fn names(directory: &Path) -> Result<Vec<String>, FileError> {
    if !std::fs::symlink_metadata(directory).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(Vec::new());
    }
    let because = || FileError::because("read directory", directory);
    let mut names = Vec::new();
    for entry in fs_err::read_dir(directory).map_err(because())? {
        names.extend(entry.map_err(because())?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}
