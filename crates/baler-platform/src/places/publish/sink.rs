//! The repositories as one sink: blobs go to the local store, and on from there; names come last.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use baler_image::{BlobWriter, Descriptor, Digest, ImageName, Manifest, Place, Sink, SinkError, Source, media_type};
use baler_registry::{RegistrySink, Repository};

use super::queue::{Incomplete, Job, Queue, Work};
use super::stream::{Growing, Growth};
use super::{Destination, Likely};
use crate::context::Context;
use crate::places::located::Located;

/// Writes an image to repositories.
pub struct Publisher<'a> {
    pub(super) context: &'a Context<'a>,
    destinations: &'a [Destination],
    pub(super) queue: Arc<Queue>,
    /// Where blobs are that may not be in the local store.
    pub(super) origins: BTreeMap<Digest, Vec<Origin<'a>>>,
    pub(super) likely: Likely,
    /// The image, once it is finished.
    pub(super) written: Mutex<Option<Written>>,
    pub(super) refused: Mutex<Vec<ImageName>>,
}

/// A manifest that was given a name, or was to be given one.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) descriptor: Descriptor,
    pub(super) bytes: Vec<u8>,
}

/// Another place of a blob.
pub(super) struct Origin<'a> {
    pub(super) blob: Descriptor,
    pub(super) source: &'a dyn Source,
    /// From where it may be mounted.
    pub(super) repository: Option<Repository>,
}

/// Ends the workers when it goes.
pub(super) struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<'a> Publisher<'a> {
    pub(super) fn new(
        context: &'a Context<'a>,
        destinations: &'a [Destination],
        known: &[&'a Located],
        likely: Likely,
    ) -> Self {
        let (queue, origins) = (Arc::default(), BTreeMap::new());
        let (written, refused) = (Mutex::default(), Mutex::default());
        let mut publisher = Self { context, destinations, queue, origins, likely, written, refused };
        for located in known {
            publisher.learn(located);
        }
        publisher
    }

    /// Takes note of what an image has.
    fn learn(&mut self, located: &'a Located) {
        let image = &located.image;
        let blobs = image.layers().iter().map(|layer| &layer.descriptor).chain([&image.manifest().value.config]);
        let here = located.repository();
        // What was pulled may still be where it came from.
        let named = || image.name().reference().map(Repository::from);
        for blob in blobs {
            let is_at = |destination: &Destination| here.is_some_and(|here| here == destination.sink.repository());
            for (to, _) in self.destinations.iter().enumerate().filter(|(_, destination)| is_at(destination)) {
                self.queue.note(to, &blob.digest);
            }
            let (source, repository) = (located.source(self.context.store), here.cloned().or_else(named));
            let origin = Origin { blob: blob.clone(), source, repository };
            self.origins.entry(blob.digest.clone()).or_default().push(origin);
        }
    }

    pub(super) fn closing(&self) -> Closing<'_> {
        Closing(&self.queue)
    }

    pub(super) fn sink(&self, to: usize) -> &RegistrySink {
        &self.destinations[to].sink
    }

    /// Sends blobs until nothing more is wanted.
    pub(super) fn serve(&self) {
        while let Some(work) = self.queue.next() {
            match work {
                Work::Send(job) => {
                    let sent = self.send(&job);
                    self.queue.done(job, sent);
                }
                Work::Follow(growing) => self.follow(&growing),
            }
        }
    }

    /// Which destination a name belongs to.
    fn destination(&self, name: &ImageName) -> Option<usize> {
        let repository = Repository::from(name.reference()?);
        self.destinations.iter().position(|destination| *destination.sink.repository() == repository)
    }

    /// Sees to it that a destination gets all that a manifest names.
    fn send_all(&self, to: usize, manifest: &Manifest) {
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            if !media_type::is_foreign_layer(&blob.media_type) {
                self.queue.add(Job { to, blob: blob.clone() });
            }
        }
    }
}

impl Sink for Publisher<'_> {
    fn place(&self) -> Place {
        self.sink(0).place()
    }

    fn staging(&self) -> Place {
        Place::Store
    }

    /// Also says so of blobs that it knows where to get: they are sent.
    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        if self.queue.has(0, digest) {
            return Ok(true);
        }
        let known = self.origins.get(digest).and_then(|origins| origins.first()).map(|origin| origin.blob.clone());
        let blob = match known {
            Some(blob) => Some(blob),
            None => self.context.store.blob_descriptor(digest)?,
        };
        let is_known = blob.is_some();
        if let Some(blob) = blob {
            self.queue.add(Job { to: 0, blob });
        }
        Ok(is_known)
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        let (writer, queue) = (self.context.store.begin_blob()?, Arc::clone(&self.queue));
        Ok(Box::new(Collected { writer, queue, growth: None }))
    }

    fn begin_new_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        let (writer, file) = self.context.store.begin_growing_blob()?;
        let (queue, growth) = (Arc::clone(&self.queue), Some(Growth::new(Growing::new(file))));
        Ok(Box::new(Collected { writer, queue, growth }))
    }

    fn sends_new_blobs_early(&self) -> bool {
        true
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        let put = self.put(name, descriptor, bytes);
        if put.is_err() {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        }
        put
    }
}

impl Publisher<'_> {
    fn put(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        let wrong = || SinkError::WrongName { place: self.place(), name: name.clone() };
        let to = self.destination(name).ok_or_else(wrong)?;
        let place = || self.sink(to).place();
        let failed = |source| SinkError::WriteImage { place: place(), name: name.clone(), source };
        if media_type::is_manifest(&descriptor.media_type) {
            let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| failed(error.into()))?;
            let written = Written { descriptor: descriptor.clone(), bytes: bytes.to_vec() };
            *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
            self.send_all(to, &manifest);
        }
        self.queue.drain(to).map_err(|Incomplete { blob: digest, error }| {
            error.unwrap_or_else(|| SinkError::MissingBlob { place: place(), name: name.clone(), digest })
        })?;
        self.sink(to).put_document(name, descriptor, bytes)
    }
}

/// A blob on its way into the local store, from where it is sent.
struct Collected {
    writer: Box<dyn BlobWriter>,
    queue: Arc<Queue>,
    /// Where it may be sent while it grows.
    growth: Option<Growth>,
}

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        if let Some(growth) = &mut self.growth {
            growth.add(count as u64, &self.queue);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl BlobWriter for Collected {
    fn commit(self: Box<Self>, digest: &Digest, size: u64) -> Result<(), SinkError> {
        let Self { writer, queue, growth } = *self;
        writer.commit(digest, size)?;
        let job = Job { to: 0, blob: Descriptor::new("", size, digest.clone()) };
        match growth {
            Some(growth) => growth.commit(job, &queue),
            None => queue.add(job),
        }
        Ok(())
    }
}
