//! A place of blobs, some of which are wrong: a registry says that it has them, and gives out other bytes.
//!
//! Such a registry may keep what it has whatever it is sent under the same digest: most look only whether it is there. So a
//! layer that would have the digest of a wrong blob gets an empty gzip member at its end, and one more than a wrong blob that
//! has some already. Its diffID is the same, its digest is not, and nothing goes on referring to the wrong one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baler_image::{
    BlobWriter, Descriptor, Digest, ImageName, Mounted, Place, Repository, ResolvedImage, Sink, SinkError,
};
use sha2::{Digest as _, Sha256};

/// A gzip member without content (RFC 1952): no name, no time.
const EMPTY_MEMBER: [u8; 20] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// How many of them are thought of: each is for one more time that a registry has damaged the same layer.
const MOST_MEMBERS: usize = 16;

#[derive(Default)]
struct Blobs {
    wrong: BTreeSet<Digest>,
    /// What stands for the blob of this digest now.
    renewed: BTreeMap<Digest, (Digest, u64)>,
}

/// A sink that does not believe that wrong blobs are there.
pub(super) struct RenewingSink {
    inner: Box<dyn Sink>,
    blobs: Arc<Mutex<Blobs>>,
}

fn lock(blobs: &Mutex<Blobs>) -> MutexGuard<'_, Blobs> {
    blobs.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RenewingSink {
    pub(super) fn new(inner: Box<dyn Sink>) -> Self {
        Self { inner, blobs: Arc::default() }
    }

    /// What is there under this digest is something else.
    pub(super) fn distrust(&self, digest: &Digest) {
        lock(&self.blobs).wrong.insert(digest.clone());
    }

    /// Digest and size of the blob that was written as one with this digest.
    pub(super) fn written(&self, digest: &Digest, size: u64) -> (Digest, u64) {
        lock(&self.blobs).renewed.get(digest).cloned().unwrap_or_else(|| (digest.clone(), size))
    }

    fn is_wrong(&self, digest: &Digest) -> bool {
        lock(&self.blobs).wrong.contains(digest)
    }
}

impl Sink for RenewingSink {
    fn place(&self) -> Place {
        self.inner.place()
    }

    fn keeps_manifests(&self) -> bool {
        self.inner.keeps_manifests()
    }

    fn staging(&self) -> Place {
        self.inner.staging()
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        if self.is_wrong(digest) { Ok(false) } else { self.inner.has_blob(digest) }
    }

    fn repository(&self) -> Option<Repository> {
        self.inner.repository()
    }

    fn mount_blob(&self, digest: &Digest, from: &Repository) -> Result<Mounted, SinkError> {
        if self.is_wrong(digest) { Ok(Mounted::No) } else { self.inner.mount_blob(digest, from) }
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        let inner = self.inner.begin_blob()?;
        if lock(&self.blobs).wrong.is_empty() {
            return Ok(inner);
        }
        let (place, blobs) = (self.inner.place(), Arc::clone(&self.blobs));
        Ok(Box::new(RenewingWriter { inner, place, blobs, hash: Sha256::new() }))
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        self.inner.put_document(name, descriptor, bytes)
    }

    fn put_image(&self, name: &ImageName, image: &ResolvedImage) -> Result<(), SinkError> {
        self.inner.put_image(name, image)
    }
}

/// A blob whose digest may turn out to be that of a wrong one.
struct RenewingWriter {
    inner: Box<dyn BlobWriter>,
    place: Place,
    blobs: Arc<Mutex<Blobs>>,
    hash: Sha256,
}

impl Write for RenewingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl RenewingWriter {
    /// The digest of what was written, with so many empty members after it.
    fn with_members(&self, count: usize) -> Digest {
        Digest::from_sha256(self.hash.clone().chain_update(EMPTY_MEMBER.repeat(count)).finalize().into())
    }
}

impl BlobWriter for RenewingWriter {
    fn commit(mut self: Box<Self>, digest: &Digest, size: u64) -> Result<(), SinkError> {
        let is_wrong = |count: &usize| lock(&self.blobs).wrong.contains(&self.with_members(*count));
        let Some(last_wrong) = (0..MOST_MEMBERS).rev().find(is_wrong) else {
            return self.inner.commit(digest, size);
        };
        let (renewed, end) = (self.with_members(last_wrong + 1), EMPTY_MEMBER.repeat(last_wrong + 1));
        let (place, size) = (self.place.clone(), size + end.len() as u64);
        let failed = |source| SinkError::WriteBlob { place, digest: renewed.clone(), source };
        self.inner.write_all(&end).map_err(failed)?;
        self.inner.commit(&renewed, size)?;
        lock(&self.blobs).renewed.insert(digest.clone(), (renewed, size));
        Ok(())
    }
}
