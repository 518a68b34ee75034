//! A daemon as a place where images are written to.
//!
//! Blobs wait in files without names until the image is complete; then it is loaded in one request, and looked for
//! afterwards. A daemon that is interrupted has all of the image or nothing.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use baler_image::{
    ArchiveKind, BlobWriter, DaemonImage, Descriptor, Digest, Engine, ImageConfig, ImageName, Manifest, Place,
    Reference, ResolvedImage, Sink, SinkError, Source, Target,
};
use baler_store::{ArchivedImage, WriteArchiveError, write_archive};

use crate::daemon::{Daemon, ImageStore, docker_name};
use crate::error::DaemonError;
use crate::increment::Increment;
use crate::send::send;
use crate::source::DaemonSource;
use crate::waiting::{Waiting, locked};

/// Images on their way to a daemon.
pub struct DaemonSink {
    waiting: Waiting,
    known: Mutex<Known>,
    /// Images that were loaded, by the digests of their manifests.
    loaded: Mutex<BTreeSet<Digest>>,
}

/// What images of the daemon have.
#[derive(Default)]
struct Known {
    blobs: BTreeSet<Digest>,
    /// The diffIDs of each.
    stacks: Vec<Vec<Digest>>,
}

impl DaemonSink {
    /// `source` reads from the same daemon; `work` is a directory with room for the images that are written.
    pub fn new(source: Arc<DaemonSource>, work: &Path) -> Self {
        Self { waiting: Waiting::new(source, work), known: Mutex::default(), loaded: Mutex::default() }
    }

    /// Takes note of an image that was found in this daemon: its blobs need not be sent again.
    pub fn learn(&self, image: &ResolvedImage) {
        if *image.place() != self.place() {
            return;
        }
        let mut known = locked(&self.known);
        known.blobs.extend(image.layers().iter().map(|layer| layer.descriptor.digest.clone()));
        known.blobs.insert(image.manifest().value.config.digest.clone());
        known.stacks.push(image.config().rootfs.diff_ids.clone());
    }

    fn daemon(&self) -> &Arc<Daemon> {
        self.waiting.source.daemon()
    }

    /// How many of the lower layers the daemon has. Only a classic one looks for them before it reads what it was sent.
    fn held(&self, diff_ids: &[Digest]) -> usize {
        if self.daemon().image_store() != ImageStore::Classic || self.daemon().engine() != Engine::Docker {
            return 0;
        }
        let common = |stack: &Vec<Digest>| stack.iter().zip(diff_ids).take_while(|(one, other)| one == other).count();
        locked(&self.known).stacks.iter().map(common).max().unwrap_or(0)
    }

    fn load(&self, name: &ImageName, image: &Written<'_>) -> Result<(), DaemonError> {
        let id = image.id(self.daemon());
        let held = self.held(&image.config.rootfs.diff_ids);
        let attempt = |held: usize| {
            send(self.daemon(), &|output| self.write(name, image, held, output))?;
            let found = self.daemon().inspect(&DaemonImage::Id(id.clone()))?;
            if found.is_some() { Ok(()) } else { Err(DaemonError::Lost { id: id.clone() }) }
        };
        match attempt(held) {
            // An image that goes meanwhile takes its layers along.
            Err(DaemonError::Api { .. } | DaemonError::Lost { .. }) if held > 0 => attempt(0),
            result => result,
        }
    }

    fn write(
        &self,
        name: &ImageName,
        image: &Written<'_>,
        held: usize,
        output: &mut dyn Write,
    ) -> Result<(), WriteArchiveError> {
        if self.daemon().keeps_manifests() {
            let (descriptor, manifest) = (image.descriptor.clone(), image.bytes.to_vec());
            let archived = ArchivedImage { descriptor, manifest, names: vec![name.clone()] };
            return write_archive(ArchiveKind::Oci, &[archived], &self.waiting, output);
        }
        let names = image.reference.iter().filter(|reference| reference.tag().is_some());
        let names = names.map(|reference| docker_name(&reference.to_string())).collect();
        Increment { manifest: &image.manifest, names, held }.write(&self.waiting, output)
    }
}

/// An image that is written.
struct Written<'a> {
    reference: Option<Reference>,
    descriptor: &'a Descriptor,
    bytes: &'a [u8],
    manifest: Manifest,
    config: ImageConfig,
}

impl Written<'_> {
    /// What the daemon will know it by.
    fn id(&self, daemon: &Daemon) -> Digest {
        if daemon.keeps_manifests() { self.descriptor.digest.clone() } else { self.manifest.config.digest.clone() }
    }
}

impl Sink for DaemonSink {
    fn place(&self) -> Place {
        self.daemon().place()
    }

    fn keeps_manifests(&self) -> bool {
        self.daemon().keeps_manifests()
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        Ok(self.waiting.has(digest) || locked(&self.known).blobs.contains(digest))
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        Ok(Box::new(self.waiting.begin()?))
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        let reference = reference_of(name).filter(|reference| reference.digest().is_none());
        let wrong = || SinkError::WrongName { place: self.place(), name: name.clone() };
        let reference = reference.ok_or_else(wrong)?;
        let unread = |source: io::Error| SinkError::WriteImage { place: self.place(), name: name.clone(), source };
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| unread(error.into()))?;
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            if !self.has_blob(&blob.digest)? {
                let (place, digest) = (self.place(), blob.digest.clone());
                return Err(SinkError::MissingBlob { place, name: name.clone(), digest });
            }
        }
        let config = self.waiting.document(&manifest.config).map_err(|error| unread(io::Error::other(error)))?;
        let config = serde_json::from_slice(&config).map_err(|error| unread(error.into()))?;
        let image = Written { reference: Some(reference.clone()), descriptor, bytes, manifest, config };
        let failed = |error: DaemonError| error.into_sink_error(self.place(), name);
        let mut loaded = locked(&self.loaded);
        if loaded.contains(&descriptor.digest) {
            let (repository, tag) = (docker_name(&reference.full_repository()), reference.tag().unwrap_or_default());
            return self.daemon().tag(&image.id(self.daemon()), &repository, tag).map_err(failed);
        }
        self.load(name, &image).map_err(failed)?;
        loaded.insert(descriptor.digest.clone());
        Ok(())
    }
}

fn reference_of(name: &ImageName) -> Option<Reference> {
    match name.target() {
        Target::Reference(reference) | Target::Daemon { image: DaemonImage::Reference(reference), .. } => {
            Some(reference.clone())
        }
        Target::Daemon { image: DaemonImage::Id(_), .. } | Target::Layout { .. } | Target::Archive { .. } => None,
    }
}
