//! Places that an image is written to: one that holds nothing else, and several at once.

use std::io;

use baler_image::{BlobWriter, Descriptor, Digest, ImageName, Manifest, Place, Sink, SinkError, Source, Target};
use baler_store::Layout;

/// A layout that holds one image: what was there before is no longer listed.
pub(super) struct OnlyImage(pub(super) Layout);

impl Sink for OnlyImage {
    fn place(&self) -> Place {
        Sink::place(&self.0)
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        self.0.has_blob(digest)
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        self.0.begin_blob()
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        self.0.put_document(name, descriptor, bytes)?;
        let failed = |error| SinkError::WriteImage {
            place: Sink::place(&self.0),
            name: name.clone(),
            source: io::Error::other(error),
        };
        self.0.keep_only(&descriptor.digest).map_err(failed)
    }
}

/// The places of an image with several names. Blobs are written to the first, and copied to another one when the image
/// gets a name there.
#[derive(Default)]
pub(super) struct Sinks(Vec<OnePlace>);

struct OnePlace {
    key: String,
    sink: Box<dyn Sink>,
    source: Box<dyn Source>,
}

/// What names that are in one place have in common.
fn key(name: &ImageName) -> String {
    match name.target() {
        Target::Reference(reference) => reference.full_repository(),
        Target::Layout { path, .. } => path.to_string_lossy().into_owned(),
    }
}

impl Sinks {
    pub(super) fn has(&self, name: &ImageName) -> bool {
        self.0.iter().any(|place| place.key == key(name))
    }

    pub(super) fn add(&mut self, name: &ImageName, sink: Box<dyn Sink>, source: Box<dyn Source>) {
        self.0.push(OnePlace { key: key(name), sink, source });
    }

    fn first(&self) -> &OnePlace {
        self.0.first().expect("an image has a name")
    }
}

impl Sink for Sinks {
    fn place(&self) -> Place {
        self.first().sink.place()
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        self.first().sink.has_blob(digest)
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        self.first().sink.begin_blob()
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        let first = self.first();
        let place = self.0.iter().find(|place| place.key == key(name)).unwrap_or(first);
        if place.key != first.key {
            copy_blobs(first, place, name, bytes)?;
        }
        place.sink.put_document(name, descriptor, bytes)
    }
}

fn copy_blobs(from: &OnePlace, to: &OnePlace, name: &ImageName, manifest: &[u8]) -> Result<(), SinkError> {
    let failed = |source| SinkError::WriteImage { place: to.sink.place(), name: name.clone(), source };
    let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| failed(error.into()))?;
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        if to.sink.has_blob(&blob.digest)? {
            continue;
        }
        let mut reader = from.source.blob(blob).map_err(|error| failed(io::Error::other(error)))?;
        let mut writer = to.sink.begin_blob()?;
        io::copy(&mut reader, &mut writer).map_err(failed)?;
        writer.commit(&blob.digest, blob.size)?;
    }
    Ok(())
}
