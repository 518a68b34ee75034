//! An image from one place to another.

use std::io;
use std::sync::{Mutex, PoisonError};

use baler_image::{
    Descriptor, Digest, ImageName, Progress, ResolvedImage, Sink, SinkError, Source, SourceError, TransferError,
    Transferred, transfer,
};

/// So many blobs at once: enough to keep disk and hashing busy, or a network.
const PARALLEL: usize = 4;

/// What happens while an image is copied; called from several threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyEvent<'a> {
    /// The blob is there already.
    Present(&'a Descriptor),
    Started(&'a Descriptor),
    /// So many bytes more are written.
    Advanced(&'a Descriptor, u64),
    Finished(&'a Descriptor),
}

/// Why an image could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    #[error("could not read blob {digest}")]
    Read { digest: Digest, source: SourceError },
    #[error("could not copy blob {digest}")]
    Blob { digest: Digest, source: io::Error },
    #[error("could not write blob {digest}")]
    WriteBlob { digest: Digest, source: SinkError },
    #[error("could not write image '{name}'")]
    Write { name: ImageName, source: SinkError },
}

/// Copies `image` from `source`, where it was found, to `sink` under `name`: the blobs that are missing there, then the
/// manifest, with the very same bytes.
pub fn copy_image(
    image: &ResolvedImage,
    source: &dyn Source,
    sink: &dyn Sink,
    name: &ImageName,
    progress: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Result<(), CopyError> {
    let manifest = &image.manifest().value;
    let mut blobs = vec![&manifest.config];
    blobs.extend(&manifest.layers);
    copy_blobs(&blobs, &Copying { source, sink, progress })?;
    sink.put_image(name, image).map_err(|source| CopyError::Write { name: name.clone(), source })
}

/// Copies the layers of `image` that `sink` does not have: what a new image stands on.
pub fn copy_layers(
    image: &ResolvedImage,
    source: &dyn Source,
    sink: &dyn Sink,
    progress: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Result<(), CopyError> {
    let layers: Vec<&Descriptor> = image.manifest().value.layers.iter().collect();
    copy_blobs(&layers, &Copying { source, sink, progress })
}

/// Copies one blob, unless `sink` has it.
pub fn copy_blob(
    blob: &Descriptor,
    source: &dyn Source,
    sink: &dyn Sink,
    progress: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Result<(), CopyError> {
    copy_blobs(&[blob], &Copying { source, sink, progress })
}

/// From where to where.
pub(crate) struct Copying<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) sink: &'a dyn Sink,
    pub(crate) progress: &'a (dyn Fn(CopyEvent<'_>) + Sync),
}

/// Copies blobs, each once. After the first failure no other is begun.
pub(crate) fn copy_blobs(blobs: &[&Descriptor], copying: &Copying<'_>) -> Result<(), CopyError> {
    let mut waiting: Vec<&Descriptor> = blobs.to_vec();
    waiting.sort_by_key(|blob| (blob.size, &blob.digest));
    waiting.dedup_by_key(|blob| &blob.digest);
    let threads = PARALLEL.min(waiting.len());
    let waiting = Mutex::new(waiting);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let work = || {
        while let Some(blob) = next() {
            if let Err(error) = copying.copy(blob) {
                waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
                return Err(error);
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let join = |other: std::thread::ScopedJoinHandle<'_, _>| {
            other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        others.into_iter().map(join).fold(own, Result::and)
    })
}

impl Copying<'_> {
    fn copy(&self, blob: &Descriptor) -> Result<(), CopyError> {
        let mut told = |event| {
            (self.progress)(match event {
                Progress::Started => CopyEvent::Started(blob),
                Progress::Advanced(count) => CopyEvent::Advanced(blob, count),
            });
        };
        let digest = || blob.digest.clone();
        let transferred = transfer(blob, self.source, self.sink, &mut told).map_err(|error| match error {
            TransferError::Read(source) => CopyError::Read { digest: digest(), source },
            TransferError::Write(source) => CopyError::WriteBlob { digest: digest(), source },
            TransferError::Copy(source) => CopyError::Blob { digest: digest(), source },
            other => CopyError::Blob { digest: digest(), source: io::Error::other(other) },
        })?;
        (self.progress)(match transferred {
            Transferred::Present => CopyEvent::Present(blob),
            Transferred::Sent => CopyEvent::Finished(blob),
        });
        Ok(())
    }
}
