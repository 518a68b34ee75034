//! Restore: gives buildpacks their layers of the last build (lifecycle, "restorer").

use std::num::NonZeroUsize;

use baler_cnb::api::PlatformApi;
use baler_cnb::group::GroupElement;
use baler_cnb::labels::LifecycleMetadata;

use crate::cache::TreeCache;
use crate::log::Log;
use crate::mounted::{BuildUser, MountedDirectory};

/// What restore works with.
pub struct RestoreInputs<'a> {
    pub platform_api: PlatformApi,
    pub group: &'a [GroupElement],
    /// The previous image's metadata; empty if there is none.
    pub metadata: &'a LifecycleMetadata,
    pub cache: Option<&'a TreeCache<'a>>,
    pub layers: &'a MountedDirectory,
    pub user: BuildUser,
    /// Only store.toml is given back.
    pub skip_layers: bool,
    pub threads: NonZeroUsize,
}

/// What restore put into the layers directory, so that export can tell what the build left untouched.
#[derive(Debug, Default)]
pub struct Restoration {}

/// Why layers could not be restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {}

impl Restoration {
    /// Gives the trees back to the cache that they were taken from, as they are; for a build that failed.
    pub fn give_back(self, cache: &TreeCache<'_>, layers: &MountedDirectory) {
        todo!()
    }
}

/// Restores metadata, data and SBOM files of the group's layers.
pub fn restore(inputs: &RestoreInputs<'_>, log: &dyn Log) -> Result<Restoration, RestoreError> {
    todo!()
}
