//! Garbage collection: blobs and unpacked layers that nothing refers to go.

use std::io;

use crate::record::RecordError;
use crate::store::Store;

/// What garbage collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    pub blobs: u64,
    /// Bytes of those blobs.
    pub bytes: u64,
    /// Unpacked layers.
    pub layers: u64,
}

/// Garbage collection stopped. What it removed before was garbage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    #[error("could not find out what the store's images need")]
    Records { source: RecordError },
    #[error("could not remove what the store does not need")]
    Remove { source: io::Error },
}

impl Store {
    /// Removes the blobs and unpacked layers that no image, no cache and no running process refers to.
    ///
    /// Other processes may go on: what they use is pinned. What this process has used since it opened the store is
    /// pinned as well.
    pub fn collect_garbage(&self) -> Result<Freed, CollectError> {
        todo!()
    }
}
