//! Restore: gives buildpacks their layers of the last build (lifecycle, "restorer").
//!
//! `<layer>.toml` comes back without `[types]`, from the app image's label or from the cache; the data of a layer comes
//! from the cache only, and a layer whose data cannot be had comes back not at all (specification: both or neither).

mod data;
mod metadata;
mod restoration;
mod sbom;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use baler_cnb::api::PlatformApi;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::GroupElement;
use baler_cnb::labels::{CacheMetadata, LifecycleMetadata};

pub use restoration::{Restoration, RestoredLayer};

use crate::cache::Cache;
use crate::files::FileError;
use crate::layers_directory::{LayerId, LayersDirectoryError};
use crate::log::Log;
use crate::mounted::{BuildUser, MountedDirectory};

/// What restore works with.
pub struct RestoreInputs<'a> {
    pub platform_api: PlatformApi,
    pub group: &'a [GroupElement],
    /// The previous image's metadata: [`crate::analyze::Analysis::metadata`].
    pub metadata: Option<&'a LifecycleMetadata>,
    pub cache: Option<&'a dyn Cache>,
    pub layers: &'a MountedDirectory,
    pub user: BuildUser,
    /// Only store.toml is given back.
    pub skip_layers: bool,
    pub threads: NonZeroUsize,
}

/// Why layers could not be restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    #[error("could not restore a file of the layers directory")]
    File(#[source] FileError),
    #[error("could not write the metadata of layer '{id}'")]
    Metadata { id: LayerId, source: Box<toml::ser::Error> },
    #[error("could not write store.toml of buildpack '{buildpack}'")]
    Store { buildpack: String, source: Box<toml::ser::Error> },
    #[error("reading buildpack layer directory")]
    LayersDirectory(#[source] LayersDirectoryError),
}

/// Restores metadata, data and SBOM files of the group's layers.
pub fn restore(inputs: &RestoreInputs<'_>, log: &dyn Log) -> Result<Restoration, RestoreError> {
    let (no_image, no_cache) = (LifecycleMetadata::default(), CacheMetadata::default());
    let image = inputs.metadata.unwrap_or(&no_image);
    let cached = inputs.cache.map_or(&no_cache, Cache::metadata);
    if inputs.cache.is_some_and(|cache| !cache.exists()) {
        log.info("Layer cache not found");
    }
    metadata::restore_stores(inputs, image)?;
    if inputs.skip_layers {
        log.info("Skipping buildpack layer analysis");
        return Ok(Restoration::default());
    }
    let features = PlatformFeatures::for_api(inputs.platform_api);
    let plan = metadata::plan(inputs.group, image, cached, features, log);
    let mut shas = BTreeMap::new();
    for layer in plan {
        metadata::write(inputs, &layer, log)?;
        shas.insert(layer.id, layer.metadata.sha.clone());
    }
    let restoration = data::restore(inputs, cached, &shas, log)?;
    if features.sbom_layers {
        sbom::restore(inputs, cached, &restoration, log)?;
    }
    Ok(restoration.done)
}
