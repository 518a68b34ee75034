//! The published image in the local store as well: its new blobs are there already, others are fetched from where they are
//! known to be.

use std::sync::PoisonError;

use baler_image::{Descriptor, Digest, ImageName, InvalidReference, Manifest, Reference, Sink, SinkError};
use baler_lifecycle::interruptible::InterruptibleSink;
use baler_store::CopyError;

use super::sink::{Publisher, Written};
use crate::output::Activity;
use crate::transfers::Transfers;

/// Why the local store does not have a published image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    #[error("{0}")]
    Copy(#[from] CopyError),
    #[error("{0}")]
    Write(#[from] SinkError),
    #[error("{0}")]
    Name(#[from] InvalidReference),
    #[error("the manifest cannot be read")]
    Manifest(#[from] serde_json::Error),
}

impl Publisher<'_> {
    fn written(&self) -> Option<Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The digest of the image that was finished.
    pub fn digest(&self) -> Option<Digest> {
        self.written().map(|written| written.descriptor.digest)
    }

    /// The names that it was not published under.
    pub fn refused(&self) -> Vec<ImageName> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What `name` is by its digest alone.
    pub fn name_by_digest(&self, name: &ImageName, digest: &Digest) -> Result<ImageName, InvalidReference> {
        let repository = name.reference().map_or_else(|| name.to_string(), Reference::full_repository);
        format!("{repository}@{digest}").parse()
    }

    /// Puts the image that was finished, if it was, into the local store.
    pub fn keep(&self, names: &[ImageName]) -> Result<(), KeepError> {
        let Some(Written { descriptor, bytes }) = self.written() else { return Ok(()) };
        let store = InterruptibleSink { sink: self.context.store, stop: self.context.interrupt.clone() };
        let manifest: Manifest = serde_json::from_slice(&bytes)?;
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            self.fetch(blob, &store)?;
        }
        names.iter().try_for_each(|name| Ok(store.put_document(name, &descriptor, &bytes)?))
    }

    fn fetch(&self, blob: &Descriptor, store: &dyn Sink) -> Result<(), KeepError> {
        let Some(origin) = self.origins.get(&blob.digest).and_then(|origins| origins.first()) else { return Ok(()) };
        let transfers = Transfers::new(self.context.output, Activity::Pull);
        Ok(baler_store::copy_blob(&origin.blob, origin.source, store, &|event| transfers.tell(event))?)
    }
}
