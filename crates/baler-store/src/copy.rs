//! An image from one place to another.

use std::io;

use baler_image::{Descriptor, Digest, ImageName, ResolvedImage, Sink, SinkError, Source, SourceError};

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
    #[error("could not read image '{name}'")]
    Read { name: ImageName, source: SourceError },
    #[error("could not copy blob {digest}")]
    Blob { digest: Digest, source: io::Error },
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
    todo!()
}
