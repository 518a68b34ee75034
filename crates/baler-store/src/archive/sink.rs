//! An archive as a place where images are written to.
//!
//! Blobs wait in a scratch directory; each image that is named is written with all that were named before, to a file
//! that takes the archive's name when it is whole. What the archive held before goes.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use baler_image::{
    ArchiveKind, BlobWriter, Descriptor, Digest, ImageName, Manifest, Place, Sink, SinkError, media_type,
};

use super::ArchiveError;
use super::write::{ArchivedImage, write_archive};
use crate::layout::Layout;
use crate::new_file::NewFile;
use crate::scratch::Scratch;
use crate::store::Store;

/// An archive that is written.
pub struct ArchiveSink {
    kind: ArchiveKind,
    path: PathBuf,
    waiting: Layout,
    images: Mutex<Vec<ArchivedImage>>,
    _scratch: Scratch,
}

/// Only images are written to archives.
#[derive(Debug, thiserror::Error)]
#[error("{digest} is no image, but {media_type}")]
struct NotAnImage {
    digest: Digest,
    media_type: String,
}

impl ArchiveSink {
    /// Begins an archive at `path`, where a file can be made; `store` has room for what waits to be written.
    pub fn begin(kind: ArchiveKind, path: &Path, store: &Store) -> Result<Self, ArchiveError> {
        NewFile::begin(path).map_err(|source| ArchiveError::Make { path: path.to_owned(), source })?;
        let scratch =
            store.scratch("archive").map_err(|source| ArchiveError::Scratch { path: path.to_owned(), source })?;
        let waiting = Layout::create_or_open(&scratch.path().join("layout"))
            .map_err(|source| ArchiveError::Wait { path: path.to_owned(), source })?;
        Ok(Self { kind, path: path.to_owned(), waiting, images: Mutex::default(), _scratch: scratch })
    }

    fn write(&self, images: &[ArchivedImage]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut file = NewFile::begin(&self.path)?;
        write_archive(self.kind, images, &self.waiting, &mut file)?;
        Ok(file.commit()?)
    }
}

impl Sink for ArchiveSink {
    fn place(&self) -> Place {
        Place::Archive { kind: self.kind, path: self.path.clone() }
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        self.waiting.has_blob(digest)
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        self.waiting.begin_blob()
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        let failed = |source| SinkError::Failed { place: self.place(), source };
        let manifest = serde_json::from_slice::<Manifest>(bytes).ok();
        let manifest = manifest.filter(|_| !media_type::is_index(&descriptor.media_type)).ok_or_else(|| {
            let (digest, media_type) = (descriptor.digest.clone(), descriptor.media_type.clone());
            failed(Box::new(NotAnImage { digest, media_type }))
        })?;
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            if !self.has_blob(&blob.digest)? {
                let (place, name, digest) = (self.place(), name.clone(), blob.digest.clone());
                return Err(SinkError::MissingBlob { place, name, digest });
            }
        }
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        match images.iter_mut().find(|image| image.descriptor.digest == descriptor.digest) {
            Some(image) => image.names.push(name.clone()),
            None => images.push(ArchivedImage {
                descriptor: descriptor.clone(),
                manifest: bytes.to_vec(),
                names: vec![name.clone()],
            }),
        }
        self.write(&images).map_err(failed)
    }
}
