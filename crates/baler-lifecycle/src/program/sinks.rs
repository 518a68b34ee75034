//! Places that an image is written to: one that holds nothing else, and several at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::Arc;

use baler_daemon::DaemonSink;
use baler_image::{
    BlobWriter, Descriptor, Digest, ImageName, Manifest, Place, ResolvedImage, Sink, SinkError, Source, Target,
    read_again,
};
use baler_registry::{Mounted, RegistrySink, Repository};
use baler_store::LayoutDraft;

use crate::export::is_foreign;

/// A layout that holds one image: what was there before is no longer listed.
pub(super) struct OnlyImage(pub(super) LayoutDraft);

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
        self.0.layout().keep_only(&descriptor.digest).map_err(failed)
    }
}

/// One place that an image is written to.
pub(super) enum OneSink {
    Registry(RegistrySink),
    Daemon(DaemonSink),
    Layout(OnlyImage),
}

impl OneSink {
    fn as_sink(&self) -> &dyn Sink {
        match self {
            Self::Registry(sink) => sink,
            Self::Daemon(sink) => sink,
            Self::Layout(sink) => sink,
        }
    }

    /// Takes a blob over from another repository, if the place can do that.
    fn mount(&self, digest: &Digest, from: &Repository) -> Result<bool, SinkError> {
        match self {
            Self::Registry(sink) => Ok(matches!(sink.mount_blob(digest, from)?, Mounted::Done)),
            Self::Daemon(_) | Self::Layout(_) => Ok(false),
        }
    }
}

/// The places of an image with several names. Blobs are written to the first, and copied to another one when the image
/// gets a name there.
#[derive(Default)]
pub(super) struct Sinks {
    places: Vec<OnePlace>,
    /// Blobs that are in the first place for certain.
    present: BTreeSet<Digest>,
    /// Blobs that another repository has.
    elsewhere: BTreeMap<Digest, Repository>,
}

struct OnePlace {
    key: String,
    sink: OneSink,
    source: Arc<dyn Source + Send>,
}

/// What names that are in one place have in common.
fn key(place: &Place, name: &ImageName) -> String {
    if let Place::Daemon { .. } = place {
        return place.to_string();
    }
    match name.target() {
        Target::Reference(reference) => reference.full_repository(),
        Target::Layout { path, .. } => path.to_string_lossy().into_owned(),
        Target::Archive { .. } | Target::Daemon { .. } => name.target().to_string(),
    }
}

impl OnePlace {
    fn has(&self, name: &ImageName) -> bool {
        self.key == key(&self.sink.as_sink().place(), name)
    }
}

impl Sinks {
    pub(super) fn has(&self, name: &ImageName) -> bool {
        self.places.iter().any(|place| place.has(name))
    }

    pub(super) fn add(&mut self, name: &ImageName, sink: OneSink, source: Arc<dyn Source + Send>) {
        let key = key(&sink.as_sink().place(), name);
        self.places.push(OnePlace { key, sink, source });
    }

    /// Takes note of what an image that is there has.
    pub(super) fn learn(&mut self, image: &ResolvedImage) {
        if let OneSink::Daemon(sink) = &self.first().sink {
            sink.learn(image);
            return;
        }
        let blobs = image.layers().iter().map(|layer| &layer.descriptor).chain([&image.manifest().value.config]);
        let digests = blobs.map(|blob| blob.digest.clone());
        if self.first().has(image.name()) {
            self.present.extend(digests);
        } else if let Some(reference) = image.name().reference() {
            self.elsewhere.extend(digests.map(|digest| (digest, Repository::from(reference))));
        }
    }

    fn first(&self) -> &OnePlace {
        self.places.first().expect("an image has a name")
    }
}

impl Sink for Sinks {
    fn place(&self) -> Place {
        self.first().sink.as_sink().place()
    }

    fn keeps_manifests(&self) -> bool {
        self.first().sink.as_sink().keeps_manifests()
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        if self.present.contains(digest) {
            return Ok(true);
        }
        let sink = &self.first().sink;
        if let Some(repository) = self.elsewhere.get(digest)
            && sink.mount(digest, repository)?
        {
            return Ok(true);
        }
        sink.as_sink().has_blob(digest)
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        self.first().sink.as_sink().begin_blob()
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        let first = self.first();
        let place = self.places.iter().find(|place| place.has(name)).unwrap_or(first);
        if place.key != first.key {
            copy_blobs(first, place, name, bytes)?;
        }
        place.sink.as_sink().put_document(name, descriptor, bytes)
    }
}

fn copy_blobs(from: &OnePlace, to: &OnePlace, name: &ImageName, manifest: &[u8]) -> Result<(), SinkError> {
    let sink = to.sink.as_sink();
    let failed = |source| SinkError::WriteImage { place: sink.place(), name: name.clone(), source };
    let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| failed(error.into()))?;
    let repository = match &from.sink {
        OneSink::Registry(sink) => Some(sink.repository()),
        OneSink::Daemon(_) | OneSink::Layout(_) => None,
    };
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        let is_mounted = repository.map(|repository| to.sink.mount(&blob.digest, repository)).transpose()?;
        if is_mounted == Some(true) || is_foreign(blob) || sink.has_blob(&blob.digest)? {
            continue;
        }
        let unread = |error| failed(io::Error::other(error));
        let copy = |mut reader: &mut (dyn Read + Send)| {
            let mut writer = sink.begin_blob()?;
            io::copy(&mut reader, &mut writer).map_err(failed)?;
            writer.commit(&blob.digest, blob.size)
        };
        read_again(|| from.source.blob(blob).map_err(unread), copy, unread)??;
    }
    Ok(())
}
