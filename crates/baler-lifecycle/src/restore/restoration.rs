//! What restore put into the layers directory.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use baler_image::Digest;
use baler_layer::stat_manifest::{Comparison, StatManifest};

use crate::cache::{CacheError, TreeCache};
use crate::layers_directory::LayerId;
use crate::mounted::MountedDirectory;

/// What restore put into the layers directory, so that export can tell what the build left untouched.
#[derive(Debug, Default)]
pub struct Restoration {
    layers: BTreeMap<LayerId, RestoredLayer>,
}

/// A layer whose data was restored.
#[derive(Debug)]
pub struct RestoredLayer {
    pub(crate) diff_id: Digest,
    /// The tree as it was given to the build.
    pub(crate) manifest: StatManifest,
    /// The file system that the tree is on.
    pub(crate) device: u64,
    pub(crate) is_kept_tree: bool,
}

impl RestoredLayer {
    /// The layer's diffID.
    pub fn diff_id(&self) -> &Digest {
        &self.diff_id
    }

    /// Whether `tree` is the one that was given to the build, as it was.
    pub(crate) fn is_untouched(&self, tree: &Path) -> bool {
        let device = std::fs::symlink_metadata(tree).map(|metadata| metadata.dev());
        device.is_ok_and(|device| device == self.device)
            && matches!(self.manifest.compare(tree), Ok(Comparison::Unchanged))
    }

    /// Whether the tree of the last build was moved into place; otherwise it was made from its blob.
    pub fn is_kept_tree(&self) -> bool {
        self.is_kept_tree
    }
}

impl Restoration {
    pub(crate) fn new(layers: BTreeMap<LayerId, RestoredLayer>) -> Self {
        Self { layers }
    }

    /// The layers whose data was restored.
    pub fn layers(&self) -> &BTreeMap<LayerId, RestoredLayer> {
        &self.layers
    }

    /// Puts restored trees into the cache that they came from, as they are: for a build that failed, so that the next
    /// one need not make them from their blobs. What the build changed is noticed then.
    pub fn give_back(&self, cache: &TreeCache<'_>, layers: &MountedDirectory) -> Result<(), CacheError> {
        for id in self.layers.keys() {
            let tree = layers.host.join(id.path());
            if tree.is_dir() {
                cache.put_tree(id, &tree)?;
            }
        }
        Ok(())
    }
}
