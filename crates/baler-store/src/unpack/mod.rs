//! Layers as directories for overlay mounts: each is unpacked once per id map.

mod operation;

use std::path::PathBuf;

use baler_image::{Digest, Layer, Source};
use baler_layer::ownership::{OwnershipIndex, User};
use baler_sandbox::{IdMap, WritablePaths};

pub use operation::UNPACK_OPERATION;

use crate::store::Store;

/// What happens while layers are unpacked; called from several threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnpackEvent<'a> {
    /// The layer was unpacked before.
    Present(&'a Layer),
    /// Unpacking begins, or waiting for another process that does it.
    Started(&'a Layer),
    Finished(&'a Layer),
}

/// Why a layer could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    #[error("could not unpack layer {digest}")]
    Layer { digest: Digest, source: Box<dyn std::error::Error + Send + Sync> },
}

/// Unpacked layers, ready to be stacked.
#[derive(Clone, Debug)]
pub struct UnpackedLayers {
    /// The directories, topmost first.
    pub lower: Vec<PathBuf>,
    /// What the layers say about owners, in the same order.
    pub owners: Vec<OwnershipIndex>,
}

impl UnpackedLayers {
    /// Which paths `user` may write, where the files on disk do not tell (an id map of a single id).
    pub fn writable(&self, user: &User) -> WritablePaths {
        todo!("{user:?}")
    }
}

impl Store {
    /// Unpacks `layers` (bottom first), whose blobs are in this store or in `source`, for `id_map`.
    pub fn unpack(
        &self,
        layers: &[Layer],
        source: &dyn Source,
        id_map: &IdMap,
        progress: &(dyn Fn(UnpackEvent<'_>) + Sync),
    ) -> Result<UnpackedLayers, UnpackError> {
        todo!()
    }
}
