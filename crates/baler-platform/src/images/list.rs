//! The images of the store.

use std::time::SystemTime;

use baler_cnb::labels::BUILDER_METADATA;
use baler_image::{Digest, Platform, Reference, ResolveError, Wanted, resolve};
use baler_store::{CollectError, Freed, RecordError, Store, Without};

use super::caches::caches_of;

/// An image of the store, as a list shows it.
#[derive(Clone, Debug)]
pub struct ListedImage {
    pub reference: Reference,
    pub digest: Digest,
    /// Bytes of the compressed layers; `None` where the image cannot be read.
    pub size: Option<u64>,
    pub platform: Option<Platform>,
    /// When it was written to the store.
    pub written: SystemTime,
}

/// The list could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ListError(#[from] RecordError);

/// Why an image was not removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    #[error("image '{0}' does not exist in the local store")]
    NotFound(String),
    #[error("{0}")]
    Record(#[from] RecordError),
    #[error("could not list the caches of the store")]
    Caches { source: std::io::Error },
    #[error("{0}")]
    Collect(#[from] CollectError),
}

/// All images, by name.
pub fn list(store: &Store) -> Result<Vec<ListedImage>, ListError> {
    let mut images = Vec::new();
    for stored in store.images()? {
        // One that cannot be read is listed all the same, so that it can be removed.
        let image = read(store, &stored.reference).ok();
        images.push(ListedImage {
            digest: stored.descriptor.digest,
            size: image.as_ref().map(baler_image::ResolvedImage::size),
            platform: image.map(|image| image.platform().clone()),
            reference: stored.reference,
            written: stored.written,
        });
    }
    Ok(images)
}

/// The names of the images that are builders.
pub fn builders(store: &Store) -> Result<Vec<String>, ListError> {
    let is_builder = |reference: &Reference| {
        read(store, reference).is_ok_and(|image| image.config().label(BUILDER_METADATA).is_some())
    };
    let references = store.images()?.into_iter().map(|stored| stored.reference);
    Ok(references.filter(is_builder).map(|reference| reference.familiar()).collect())
}

fn read(store: &Store, reference: &Reference) -> Result<baler_image::ResolvedImage, ResolveError> {
    resolve(&reference.clone().into(), &Wanted::Preferably(Platform::host()), store)
}

/// The names of all images. Unlike [`list`] this looks into none of them, which would count as use by this process.
pub fn names(store: &Store) -> Result<Vec<Reference>, ListError> {
    Ok(store.images()?.into_iter().map(|image| image.reference).collect())
}

/// Removes names and the caches of these images, and then what nothing needs any more. Nothing is removed if a name is
/// not there.
pub fn remove(store: &Store, references: &[Reference]) -> Result<Freed, RemoveError> {
    for reference in references {
        if store.image(reference)?.is_none() {
            return Err(RemoveError::NotFound(reference.familiar()));
        }
    }
    let images = references.iter().cloned().collect();
    let caches = caches_of(&store.caches().map_err(|source| RemoveError::Caches { source })?, &images);
    Ok(store.remove_all(&Without { images, caches })?)
}
