//! A daemon as a place where images are read from.
//!
//! A name is looked up by inspection. What the daemon says there is not the image's config, so the image is exported, once,
//! into a file that has no name; a daemon gives out all of an image or nothing.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baler_image::{
    ArchiveKind, DaemonImage, Descriptor, Digest, Found, ImageName, Place, Reference, Source, SourceError, Target,
};
use baler_store::Archive;

use crate::daemon::{Daemon, Inspected, docker_name};
use crate::error::DaemonError;
use crate::memory::{Memory, Remembered};

/// Blobs of a daemon's images that somebody keeps elsewhere.
pub trait Copies: Send + Sync {
    /// The blob, if it is there and whole.
    fn open(&self, digest: &Digest) -> Option<Box<dyn Read + Send>>;
}

/// The images of a daemon.
pub struct DaemonSource {
    daemon: Arc<Daemon>,
    work: PathBuf,
    memory: Option<Memory>,
    copies: Option<Arc<dyn Copies>>,
    exported: Mutex<BTreeMap<Digest, Arc<Archive>>>,
    /// Images whose documents were known before, and that were not exported.
    recalled: Mutex<BTreeMap<Digest, Remembered>>,
}

impl DaemonSource {
    /// `work` is a directory with room for the images that are read.
    pub fn new(daemon: Arc<Daemon>, work: &Path) -> Self {
        let (exported, recalled) = (Mutex::default(), Mutex::default());
        Self { daemon, work: work.to_owned(), memory: None, copies: None, exported, recalled }
    }

    /// Keeps manifests and configs in `directory`, so that an image need not be exported for them each time.
    #[must_use]
    pub fn with_memory(self, directory: &Path) -> Self {
        Self { memory: Some(Memory::new(directory)), ..self }
    }

    /// Takes blobs from `copies` where it has them, so that an image need not be exported for them.
    #[must_use]
    pub fn with_copies(self, copies: Arc<dyn Copies>) -> Self {
        Self { copies: Some(copies), ..self }
    }

    /// The daemon.
    pub fn daemon(&self) -> &Arc<Daemon> {
        &self.daemon
    }

    fn exported(&self) -> MutexGuard<'_, BTreeMap<Digest, Arc<Archive>>> {
        self.exported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recalled(&self) -> MutexGuard<'_, BTreeMap<Digest, Remembered>> {
        self.recalled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of an image without an export.
    fn recall(&self, id: &Digest) -> Option<Found> {
        if self.exported().contains_key(id) {
            return None;
        }
        let remembered = self.memory.as_ref()?.recall(id)?;
        let found = remembered.found()?;
        self.recalled().insert(id.clone(), remembered);
        Some(found)
    }

    /// A document of an image that was not exported.
    fn known_document(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.recalled().values().find_map(|remembered| remembered.document(digest))
    }

    /// Exports the images of which only documents are known.
    fn export_recalled(&self) -> Result<(), DaemonError> {
        let ids: Vec<Digest> = self.recalled().keys().cloned().collect();
        for id in ids {
            self.image(&id)?;
            self.recalled().remove(&id);
        }
        Ok(())
    }

    /// The image of this id. Held while it is exported, so that nobody else does the same.
    fn image(&self, id: &Digest) -> Result<Arc<Archive>, DaemonError> {
        let mut exported = self.exported();
        if let Some(archive) = exported.get(id) {
            return Ok(Arc::clone(archive));
        }
        let archive = Arc::new(self.export(id)?);
        exported.insert(id.clone(), Arc::clone(&archive));
        Ok(archive)
    }

    fn export(&self, id: &Digest) -> Result<Archive, DaemonError> {
        let failed = |source| DaemonError::Work { path: self.work.clone(), source };
        let file = tempfile::tempfile_in(&self.work).map_err(failed)?;
        let mut file = fs_err::File::from_parts(file, self.work.join("export.tar"));
        let mut stream = self.daemon.export(id)?;
        io::copy(&mut stream, &mut file).map_err(failed)?;
        let kind = if self.daemon.keeps_manifests() { ArchiveKind::Oci } else { ArchiveKind::Docker };
        Ok(Archive::read(file, kind, self.daemon.place())?)
    }

    fn look_up(&self, asked: &DaemonImage, name: &ImageName) -> Result<Option<Inspected>, DaemonError> {
        let found = self.daemon.inspect(asked)?.filter(|inspected| is_it(inspected, asked));
        match beginning_of_id(name) {
            Some(hex) if found.is_none() => self.daemon.inspect_beginning(hex),
            Some(_) | None => Ok(found),
        }
    }

    /// The archive that has a blob, if an image was read that has it.
    fn with_blob(&self, digest: &Digest) -> Result<Arc<Archive>, SourceError> {
        let find = || self.exported().values().find(|archive| archive.has(digest)).cloned();
        let mut archive = find();
        if archive.is_none() {
            self.export_recalled().map_err(|error| error.into_source_error(self.place()))?;
            archive = find();
        }
        archive.ok_or_else(|| SourceError::AbsentBlob { place: self.place(), digest: digest.clone() })
    }
}

impl Source for DaemonSource {
    fn place(&self) -> Place {
        self.daemon.place()
    }

    fn keeps_manifests(&self) -> bool {
        self.daemon.keeps_manifests()
    }

    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        let failed = |error: DaemonError| error.into_source_error(self.place());
        let Some(asked) = asked(name) else { return Ok(None) };
        let Some(inspected) = self.look_up(&asked, name).map_err(failed)? else { return Ok(None) };
        if let Some(found) = self.recall(&inspected.id) {
            return Ok(Some(found));
        }
        let archive = self.image(&inspected.id).map_err(failed)?;
        let (kind, path, name) = (ArchiveKind::Docker, PathBuf::new(), Some(inspected.id.to_string()));
        let found = archive.find(&ImageName::from(Target::Archive { kind, path, name }))?;
        if let (Some(memory), Some(found)) = (&self.memory, &found) {
            // Without it, the next command exports the image again.
            let _ = memory.keep(&inspected.id, &Remembered::new(found, archive.documents()));
        }
        Ok(found)
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        match self.known_document(&descriptor.digest) {
            Some(bytes) => Ok(bytes),
            None => self.with_blob(&descriptor.digest)?.document(descriptor),
        }
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        if let Some(bytes) = self.known_document(&descriptor.digest) {
            return Ok(Box::new(io::Cursor::new(bytes)));
        }
        match self.copies.as_ref().and_then(|copies| copies.open(&descriptor.digest)) {
            Some(copy) => Ok(copy),
            None => self.with_blob(&descriptor.digest)?.blob(descriptor),
        }
    }
}

/// What a daemon is asked for; nothing for what is elsewhere.
fn asked(name: &ImageName) -> Option<DaemonImage> {
    match name.target() {
        Target::Daemon { image, .. } => Some(image.clone()),
        Target::Reference(reference) => Some(DaemonImage::Reference(reference.clone())),
        Target::Layout { .. } | Target::Archive { .. } => None,
    }
}

/// Whether the answer is the image that was asked for. Daemons take a name that they do not know for the beginning of an
/// id, or look for it elsewhere.
fn is_it(inspected: &Inspected, asked: &DaemonImage) -> bool {
    let reference = match asked {
        DaemonImage::Id(id) => return *id == inspected.id,
        DaemonImage::Reference(reference) => reference,
    };
    let is_listed = |names: &[String], wanted: &Reference| names.iter().any(|name| is_same(name, wanted));
    match reference.digest() {
        Some(digest) => *digest == inspected.id || is_listed(&inspected.repo_digests, &reference.at(digest.clone())),
        None => is_listed(&inspected.repo_tags, reference),
    }
}

/// What was given, if it can be a part of an id that is as long as those that Docker shows.
fn beginning_of_id(name: &ImageName) -> Option<&str> {
    let given = name.given();
    let given = given.strip_prefix("docker-daemon:").or_else(|| given.strip_prefix("podman-daemon:")).unwrap_or(given);
    let is_id = (12..64).contains(&given.len()) && given.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(given)
}

/// Podman has images without a registry below `localhost`, and finds them without.
fn is_same(listed: &str, wanted: &Reference) -> bool {
    let is_it = |name: &str| name.parse::<Reference>().is_ok_and(|listed| listed == *wanted);
    is_it(&docker_name(listed)) || listed.strip_prefix("localhost/").is_some_and(is_it)
}
