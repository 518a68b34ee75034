//! Layers as directories for overlay mounts: each is unpacked once per id map.
//!
//! `layers/<id map>/<diffID>/` holds `tree`, and `owners` with what the headers said. It is made under a temporary name
//! and renamed, with a lock of its own held, so that two processes that need one layer do the work once.

mod attributes;
mod boot;
mod layer;
mod operation;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use baler_image::{Digest, Layer, Source, SourceError};
use baler_layer::apply::ApplyError;
use baler_layer::ownership::{OwnershipIndex, StackedLayer, User, writable_paths};
use baler_sandbox::{IdMap, OperationError, WritablePaths};

pub use operation::UNPACK_OPERATION;

use crate::disk::DiskFull;
use crate::scratch::ScratchError;
use crate::store::Store;
use attributes::AttributesLayer;
use layer::Unpacking;

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
    #[error("could not read layer {digest}")]
    Read { digest: Digest, source: SourceError },
    #[error("could not unpack layer {digest}")]
    Apply { digest: Digest, source: ApplyError },
    #[error("could not unpack layer {digest}")]
    DiskFull { digest: Digest, source: DiskFull },
    #[error("could not unpack layer {digest} for mapped ids")]
    Operation { digest: Digest, source: OperationError },
    #[error("could not make room for layer {digest}")]
    Scratch { digest: Digest, source: ScratchError },
    #[error("could not keep layer {digest} as {}", path.display())]
    Keep { digest: Digest, path: PathBuf, source: io::Error },
}

/// Unpacked layers, ready to be stacked. Garbage collection leaves them as long as this process has the store open.
#[derive(Clone, Debug, Default)]
pub struct UnpackedLayers {
    /// The directories, topmost first. A layer that occurs twice is here once: the lower one adds nothing. On top there
    /// may be one with nothing but directories, which get back the mode and owner that they have in the image.
    pub lower: Vec<PathBuf>,
    /// What the layers say about owners, in the same order.
    pub owners: Vec<OwnershipIndex>,
}

impl UnpackedLayers {
    /// Which paths `user` may write, where the files on disk do not tell (an id map of a single id).
    pub fn writable(&self, user: &User) -> WritablePaths {
        let layers = self.lower.iter().zip(&self.owners).rev();
        let layers: Vec<_> = layers.map(|(root, index)| StackedLayer { index, root }).collect();
        let paths = writable_paths(&layers, user);
        WritablePaths { writable: paths.writable, protected: paths.read_only_below }
    }
}

impl Store {
    /// Unpacks `layers` (bottom first), whose blobs are in this store or in `source`, for `id_map`.
    ///
    /// Several at once; after the first failure no other is begun.
    pub fn unpack(
        &self,
        layers: &[Layer],
        source: &dyn Source,
        id_map: &IdMap,
        progress: &(dyn Fn(UnpackEvent<'_>) + Sync),
    ) -> Result<UnpackedLayers, UnpackError> {
        let stack = topmost_first(layers);
        let unpacking = Unpacking::new(self, source, id_map, progress);
        // The largest first: the last one to end should not be one that begins late.
        let mut waiting: Vec<(usize, &Layer)> = stack.iter().copied().enumerate().collect();
        waiting.sort_by_key(|(_, layer)| layer.descriptor.size);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(waiting.len());
        let waiting = Mutex::new(waiting);
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let work = || {
            let mut done = Vec::new();
            while let Some((position, layer)) = next() {
                let result = unpacking.unpack(layer);
                if result.is_err() {
                    waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
                }
                done.push((position, result));
            }
            done
        };
        let mut done = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for other in others {
                done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            done
        });
        done.sort_by_key(|(position, _)| *position);
        let mut unpacked = UnpackedLayers::default();
        for (_, result) in done {
            let (tree, owners) = result?;
            unpacked.lower.push(tree);
            unpacked.owners.push(owners);
        }
        if let Some(attributes) = AttributesLayer::of(&unpacked) {
            let unpacking = Unpacking::new(self, &attributes, id_map, &|_| ());
            let (tree, owners) = unpacking.unpack(&attributes.layer)?;
            unpacked.lower.insert(0, tree);
            unpacked.owners.insert(0, owners);
        }
        Ok(unpacked)
    }
}

/// The stack of directories; an overlay takes each only once.
fn topmost_first(layers: &[Layer]) -> Vec<&Layer> {
    let mut seen = HashSet::new();
    layers.iter().rev().filter(|layer| seen.insert(&layer.diff_id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use baler_image::Descriptor;

    #[test]
    fn a_layer_that_occurs_twice_is_stacked_once() {
        let layer = |text: &str| Layer {
            descriptor: Descriptor::of("", text.as_bytes()),
            diff_id: Digest::of(text.as_bytes()),
        };
        let layers = [layer("a"), layer("b"), layer("a"), layer("c")];
        let stack: Vec<_> = topmost_first(&layers).into_iter().cloned().collect();
        assert_eq!(stack, [layer("c"), layer("a"), layer("b")]);
    }
}
