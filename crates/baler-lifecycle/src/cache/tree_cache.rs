//! The cache of one app image in Baler's store: live trees beside blobs.
//!
//! ```text
//! metadata.json          which layers there are, as other lifecycles write it
//! blobs.json             the blob of each layer, and how its tar was made
//! roots                  digests of these blobs, one a line: the store keeps them
//! trees/<bp>/<layer>     the layer as the last build left it
//! trees/<bp>/<layer>.stat   its stat manifest
//! ```
//!
//! A tree leaves by rename and comes back by rename. One that does not come back is absent, and made from its blob.

use std::path::{Path, PathBuf};

use baler_image::{Sink, Source};

/// Takes and gives blobs: Baler's own store.
pub trait BlobStore: Source + Sink + Sync {}

impl<T: Source + Sink + Sync> BlobStore for T {}

/// The cache of one app image.
pub struct TreeCache<'a> {
    directory: PathBuf,
    blobs: &'a dyn BlobStore,
}

/// Why the cache could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    #[error("could not {operation} {}", path.display())]
    File { operation: &'static str, path: PathBuf, source: std::io::Error },
}

impl<'a> TreeCache<'a> {
    /// Opens the cache in `directory`, which may be absent. Metadata that cannot be read is an empty cache.
    pub fn open(directory: &Path, blobs: &'a dyn BlobStore) -> Result<Self, CacheError> {
        Ok(Self { directory: directory.to_owned(), blobs })
    }

    /// Removes the cache in `directory`.
    pub fn clear(directory: &Path) -> Result<(), CacheError> {
        todo!("{}", directory.display())
    }

    /// Whether an earlier build left anything.
    pub fn exists(&self) -> bool {
        todo!("{}", self.directory.display())
    }
}
