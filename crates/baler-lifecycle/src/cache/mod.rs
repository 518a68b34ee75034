//! Where cached layers are between builds (lifecycle, "Caches").
//!
//! | cache | where | in which form |
//! |---|---|---|
//! | [`TreeCache`] | Baler's own store | live trees beside compressed blobs |
//! | [`VolumeCache`] | a directory that other lifecycles use too | tars, by diffID |
//! | [`ImageCache`] | an image in a registry | its layers |
//!
//! [`Cache`] is what restore and export ask of them. A [`LaunchCache`] is none of them: it has copies of what a daemon has.

mod damage;
mod handover;
mod image_cache;
mod launch_cache;
mod record;
mod renewing_sink;
mod tar_directory;
mod tree_cache;
mod volume_cache;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;

use baler_cnb::labels::{BuildpackLayers, CacheMetadata};
use baler_image::{Digest, Sink, SinkError, Source, SourceError};
use baler_layer::move_tree::MoveTreeError;
use baler_layer::stat_manifest::StatManifestError;

pub use damage::DamagedCache;
pub use image_cache::{ImageCache, ImageCachePlace};
pub use launch_cache::LaunchCache;
pub use record::CachedBlob;
pub use tar_directory::StagedTar;
pub use tree_cache::{BlobStore, TreeCache};
pub use volume_cache::VolumeCache;

pub(crate) use tree_cache::CachedLayer;

use crate::files::FileError;
use crate::restore::Restoration;

/// A cache during one build. What is written to it becomes its content with [`Cache::commit`], all at once.
pub trait Cache: Sync {
    /// Whether an earlier build left anything.
    fn exists(&self) -> bool;

    /// Which layers there are.
    fn metadata(&self) -> &CacheMetadata;

    /// The tar of layer `diff_id`, compressed or not. The reader has to check the diffID.
    fn read(&self, diff_id: &Digest) -> Result<Box<dyn Read + Send>, CacheError>;

    /// How the tar of layer `diff_id` was made, if the cache knows that.
    fn blob(&self, diff_id: &Digest) -> Option<&CachedBlob> {
        let _ = diff_id;
        None
    }

    /// Whether layer `diff_id` is there in a form that the cache can go on using, without its bytes being looked at.
    fn holds(&self, diff_id: &str) -> bool {
        let _ = diff_id;
        false
    }

    /// Where its compressed layers are read from.
    fn source(&self) -> Option<&dyn Source> {
        None
    }

    /// Where compressed layers are written to; `None`: the cache takes tars.
    fn sink(&self) -> Option<&dyn Sink> {
        None
    }

    /// Begins a tar, for a cache that takes tars.
    fn begin_tar(&self) -> Result<Option<StagedTar>, CacheError> {
        Ok(None)
    }

    /// The cache that keeps live trees, if this is one.
    fn trees(&self) -> Option<&TreeCache<'_>> {
        None
    }

    /// Keeps what restore gave until export, which may be a program of its own, asks for it.
    fn hand_over(&self, restoration: &Restoration) -> Result<(), CacheError> {
        let _ = restoration;
        Ok(())
    }

    /// What a restore of its own handed over; nothing where there was none, or where it cannot be relied on.
    fn handed_over(&self) -> Restoration {
        Restoration::default()
    }

    /// Is told that the bytes of layer `diff_id` are not those that it should have. They are not used again: what comes in
    /// their place is kept even where they seem to be there.
    fn distrust(&self, diff_id: &Digest) {
        let _ = diff_id;
    }

    /// Layers whose bytes are not used again, for one that opens the same cache later.
    fn distrusted(&self) -> Vec<Digest> {
        Vec::new()
    }

    /// Makes `update` what the cache holds.
    fn commit(&self, update: CacheUpdate) -> Result<(), CacheError>;
}

/// What the cache is to hold after a build.
#[derive(Default)]
pub struct CacheUpdate {
    pub metadata: CacheMetadata,
    /// How the tar of each layer was made, and its compressed bytes, by diffID.
    pub blobs: BTreeMap<Digest, CachedBlob>,
}

/// The diffIDs that the metadata names, in the order of the group, SBOM files last.
fn diff_ids(metadata: &CacheMetadata) -> Vec<Digest> {
    let layers = |buildpack: &BuildpackLayers| buildpack.layers.values().map(|layer| layer.sha.clone()).collect();
    let shas = metadata.buildpacks.iter().flat_map::<Vec<String>, _>(layers);
    let mut found = Vec::new();
    for diff_id in shas.chain([metadata.sbom.sha.clone()]).filter_map(|sha| sha.parse().ok()) {
        if !found.contains(&diff_id) {
            found.push(diff_id);
        }
    }
    found
}

/// Why the cache could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    #[error("could not use the cache")]
    File(#[source] FileError),
    #[error("could not lock the cache {}", path.display())]
    Lock { path: PathBuf, source: io::Error },
    #[error("could not move a layer out of or into the cache")]
    Move(#[source] MoveTreeError),
    #[error("could not compare a layer with what the cache knows of it")]
    Manifest(#[source] StatManifestError),
    #[error("the cache has no data for layer {diff_id}")]
    NoBlob { diff_id: Digest },
    #[error("could not read layer {diff_id} from the cache")]
    Blob { diff_id: Digest, source: SourceError },
    #[error("could not encode the cache's metadata")]
    Encode(#[source] serde_json::Error),
    #[error("there is no cache directory {}", path.display())]
    NoDirectory { path: PathBuf },
    #[error("could not replace the cache {}", path.display())]
    Replace { path: PathBuf, source: io::Error },
    #[error("could not write the tar of a layer into the cache")]
    Tar { source: io::Error },
    #[error("could not store the cache image")]
    Store(#[source] SinkError),
}
