//! The layers of an image, from where it was found to where a new image stands on them.

use std::io;

use baler_image::{Digest, ResolvedImage, Sink, SinkError, Source, SourceError};

/// Why a layer could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyBlobError {
    #[error("{0}")]
    Read(#[from] SourceError),
    #[error("{0}")]
    Write(#[from] SinkError),
    #[error("could not copy blob {digest}")]
    Copy { digest: Digest, source: io::Error },
}

/// Copies the layers that `sink` does not have yet.
pub(crate) fn copy_blobs(image: &ResolvedImage, source: &dyn Source, sink: &dyn Sink) -> Result<(), CopyBlobError> {
    for layer in image.layers() {
        let descriptor = &layer.descriptor;
        if sink.has_blob(&descriptor.digest)? {
            continue;
        }
        let mut writer = sink.begin_blob()?;
        // The reader verifies what it reads.
        io::copy(&mut source.blob(descriptor)?, &mut writer)
            .map_err(|source| CopyBlobError::Copy { digest: descriptor.digest.clone(), source })?;
        writer.commit(&descriptor.digest, descriptor.size)?;
    }
    Ok(())
}
