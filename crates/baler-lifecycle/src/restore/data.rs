//! The data of cached layers: the tree of the last build where it is whole, else the blob.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use baler_cnb::labels::CacheMetadata;
use baler_image::{Digest, InvalidDigest};
use baler_layer::stat_manifest::{StatManifest, StatManifestError};

use super::{Restoration, RestoreError, RestoreInputs, RestoredLayer};
use crate::cache::{Cache, CacheError};
use crate::error_text::chain;
use crate::extract::{ExtractError, Extraction, extract_from};
use crate::files::{FileError, remove_tree};
use crate::layers_directory::{self, LayerId};
use crate::log::Log;
use crate::mounted::MountedDirectory;
use crate::parallel;
use crate::progress::{Activity, Running, Task};

/// Restored layers, and those that could not be.
pub(super) struct RestoredData {
    pub(super) done: Restoration,
    pub(super) failed: BTreeSet<LayerId>,
}

#[derive(Debug, thiserror::Error)]
enum LayerError {
    #[error("the cache names it by a digest that is none")]
    Digest(#[source] InvalidDigest),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error(transparent)]
    Manifest(#[from] StatManifestError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a layer of the cache cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Extract(#[from] ExtractError),
}

/// Restores the data of every layer in the layers directory that the cache marks as cached. One whose remembered SHA
/// is another one is removed.
pub(super) fn restore(
    inputs: &RestoreInputs<'_>,
    cached: &CacheMetadata,
    shas: &BTreeMap<LayerId, String>,
    log: &dyn Log,
) -> Result<RestoredData, RestoreError> {
    let mut wanted = Vec::new();
    for (id, sha) in present_and_cached(inputs, cached)? {
        let name = id.to_string();
        if shas.get(&id) == Some(&sha) {
            log.info(&format!("Restoring data for {name:?} from cache"));
            wanted.push((id, sha));
        } else {
            log.info(&format!("Removing {name:?}, wrong sha"));
            log.debug(&format!("Layer sha: {:?}, cache sha: {sha:?}", shas.get(&id)));
            remove(inputs, &id).map_err(RestoreError::File)?;
        }
    }
    let Some(cache) = inputs.cache else {
        return Ok(RestoredData { done: Restoration::default(), failed: BTreeSet::new() });
    };
    let results = parallel::map(inputs.threads, wanted, |(id, sha)| {
        let running = Running::begin(log, Task::new(Activity::Restore, id.to_string()), None);
        let result = running.end(restore_layer(inputs, cache, &id, &sha));
        (id, result)
    });
    collect(inputs, results, log)
}

/// Layers that are there, by their toml at least, and that the cache has; with the cache's SHA.
fn present_and_cached(
    inputs: &RestoreInputs<'_>,
    cached: &CacheMetadata,
) -> Result<Vec<(LayerId, String)>, RestoreError> {
    let mut found = Vec::new();
    for buildpack in inputs.group {
        let Some(in_cache) = cached.buildpacks.iter().find(|layers| layers.key == buildpack.id) else { continue };
        let on_disk = layers_directory::read(&inputs.layers.host, buildpack).map_err(RestoreError::LayersDirectory)?;
        for layer in on_disk.layers {
            let metadata = in_cache.layers.get(&layer.id.layer).filter(|metadata| metadata.types.cache);
            found.extend(metadata.map(|metadata| (layer.id, metadata.sha.clone())));
        }
    }
    Ok(found)
}

fn restore_layer(
    inputs: &RestoreInputs<'_>,
    cache: &dyn Cache,
    id: &LayerId,
    sha: &str,
) -> Result<RestoredLayer, LayerError> {
    let diff_id: Digest = sha.parse().map_err(LayerError::Digest)?;
    let place = inputs.layers.join(id.path());
    remove_tree(&place.host)?;
    let uid = inputs.user.host.map_or_else(|| rustix::process::geteuid().as_raw(), |owner| owner.uid);
    let tree = cache.trees().map(|trees| trees.take(id, &diff_id, &place.host, uid)).transpose()?.flatten();
    if let Some(manifest) = tree {
        let device = device(&place.host)?;
        return Ok(RestoredLayer { diff_id, manifest, device, is_kept_tree: true });
    }
    unpack(inputs, cache, &diff_id, &place)?;
    let manifest = StatManifest::take(&place.host)?;
    Ok(RestoredLayer { diff_id, manifest, device: device(&place.host)?, is_kept_tree: false })
}

/// Makes `place` what a layer has of it. The cache gets to know of a layer that is another one than it should be.
pub(super) fn unpack(
    inputs: &RestoreInputs<'_>,
    cache: &dyn Cache,
    diff_id: &Digest,
    place: &MountedDirectory,
) -> Result<(), UnpackError> {
    let extraction = Extraction {
        diff_id,
        path_in_image: &place.image,
        target: &place.host,
        scratch: &inputs.layers.host,
        owner: inputs.user.host,
    };
    let tell = |error: &ExtractError| {
        if error.is_of_layer() {
            cache.distrust(diff_id);
        }
    };
    Ok(extract_from(|| cache.read(diff_id), &extraction)?.inspect_err(tell)?)
}

fn device(tree: &Path) -> Result<u64, FileError> {
    Ok(fs_err::symlink_metadata(tree).map_err(FileError::because("look at", tree))?.dev())
}

/// A layer whose data could not be had loses its metadata too: the buildpack sees both or neither.
fn collect(
    inputs: &RestoreInputs<'_>,
    results: Vec<(LayerId, Result<RestoredLayer, LayerError>)>,
    log: &dyn Log,
) -> Result<RestoredData, RestoreError> {
    let (mut done, mut failed) = (BTreeMap::new(), BTreeSet::new());
    for (id, result) in results {
        match result {
            Ok(layer) => drop(done.insert(id, layer)),
            Err(error) => {
                log.warn(&format!("Skipping restore for layer {id}: {}", chain(&error)));
                remove(inputs, &id).map_err(RestoreError::File)?;
                failed.insert(id);
            }
        }
    }
    Ok(RestoredData { done: Restoration::new(done), failed })
}

fn remove(inputs: &RestoreInputs<'_>, id: &LayerId) -> Result<(), FileError> {
    let layers = &inputs.layers.host;
    remove_tree(&layers.join(id.path()))?;
    remove_tree(&layers.join(id.toml_path()))?;
    // Older lifecycles left the SHA in a file.
    remove_tree(&layers.join(id.path()).with_file_name(format!("{}.sha", id.layer)))
}
