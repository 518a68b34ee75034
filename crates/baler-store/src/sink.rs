//! The store as a place where images are written to.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use baler_image::{
    Algorithm, BlobWriter, Descriptor, Digest, ImageName, Index, Manifest, Place, Reference, ResolvedImage, Sink,
    SinkError,
};

use crate::blob::{self, FileBlobWriter};
use crate::session::{Pin, Session};
use crate::store::Store;

impl Sink for Store {
    fn place(&self) -> Place {
        Place::Store
    }

    /// Whoever asks is going to rely on the answer: a blob that is there is kept from garbage collection.
    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        Ok(self.blob_descriptor(digest)?.is_some())
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        self.blob_writer()
            .map(|writer| Box::new(writer) as Box<dyn BlobWriter>)
            .map_err(|source| SinkError::BeginBlob { place: Place::Store, source })
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        self.put(name, descriptor, bytes, None)
    }

    fn put_image(&self, name: &ImageName, image: &ResolvedImage) -> Result<(), SinkError> {
        let manifest = image.manifest();
        self.put(name, &image.descriptor(), &manifest.raw, image.index_digest().cloned())
    }
}

impl Store {
    /// Begins a blob, which can be read while it grows.
    pub fn begin_growing_blob(&self) -> Result<(Box<dyn BlobWriter>, fs_err::File), SinkError> {
        let failed = |source| SinkError::BeginBlob { place: Place::Store, source };
        let writer = self.blob_writer().map_err(failed)?;
        let reader = writer.reader().map_err(failed)?;
        Ok((Box::new(writer), reader))
    }

    /// Waits until all blobs that this process has written are on the disk. Naming an image does so, and dropping the
    /// store. Who relies on blobs in another way, such as a cache with its list of roots, may call it before.
    pub fn seal_blobs(&self) -> io::Result<()> {
        self.session()?.seal()
    }

    /// A blob that is here, by its digest. It stays as long as this process has the store open.
    pub fn blob_descriptor(&self, digest: &Digest) -> Result<Option<Descriptor>, SinkError> {
        let ask = || {
            let (path, session) = (blob::path(self.root(), digest), self.session()?);
            session.pinned(Pin::Blob(digest.clone()), || reliable_size(&session, &path))
        };
        let size =
            ask().map_err(|source| SinkError::WriteBlob { place: Place::Store, digest: digest.clone(), source })?;
        Ok(size.map(|size| Descriptor::new("", size, digest.clone())))
    }

    fn blob_writer(&self) -> io::Result<FileBlobWriter> {
        let session = self.session()?;
        let (temporary, root) = (session.fresh("blob"), self.root().to_owned());
        let rename = move |temporary: &Path, digest: &Digest| {
            let path = blob::path(&root, digest);
            if digest.algorithm() != Algorithm::Sha256 {
                fs_err::create_dir_all(path.parent().unwrap_or(&root))?;
            }
            let size = fs_err::metadata(temporary)?.len();
            session.pinned(Pin::Blob(digest.clone()), || {
                if fs_err::metadata(&path).is_ok_and(|known| is_sealed(&known) && known.len() == size) {
                    return fs_err::remove_file(temporary);
                }
                fs_err::rename(temporary, &path)?;
                session.note_unsealed(path.clone());
                Ok(())
            })
        };
        FileBlobWriter::create(temporary, Place::Store, Box::new(rename))
    }

    /// Writes a small blob.
    pub(crate) fn put_bytes(&self, digest: &Digest, bytes: &[u8]) -> Result<(), SinkError> {
        let failed = |source| SinkError::WriteBlob { place: Place::Store, digest: digest.clone(), source };
        let mut writer = Box::new(self.blob_writer().map_err(failed)?);
        io::Write::write_all(&mut writer, bytes).map_err(failed)?;
        writer.commit(digest, bytes.len() as u64)
    }

    fn put(
        &self,
        name: &ImageName,
        descriptor: &Descriptor,
        bytes: &[u8],
        index_digest: Option<Digest>,
    ) -> Result<(), SinkError> {
        let failed = |source| SinkError::WriteImage { place: Place::Store, name: name.clone(), source };
        let reference = accepted(name, &descriptor.digest, index_digest.as_ref())?;
        if Digest::of(bytes) != descriptor.digest || bytes.len() as u64 != descriptor.size {
            let text = format!("the bytes of the document are not those of {}", descriptor.digest);
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        let session = self.session().map_err(failed)?;
        for needed in needed_blobs(bytes).map_err(failed)? {
            if !self.check_blob(&session, &needed).map_err(failed)? {
                let (place, name, digest) = (Place::Store, name.clone(), needed.digest);
                return Err(SinkError::MissingBlob { place, name, digest });
            }
        }
        self.put_bytes(&descriptor.digest, bytes)?;
        session.seal().map_err(failed)?;
        let plain = Descriptor { annotations: std::collections::BTreeMap::new(), ..descriptor.clone() };
        self.write_record(&session, reference, &plain, index_digest).map_err(failed)
    }

    /// Whether a blob is there in its full size. One that is not of that size is removed, so that it is written again.
    fn check_blob(&self, session: &Session, needed: &Descriptor) -> io::Result<bool> {
        let path = blob::path(self.root(), &needed.digest);
        match reliable_size(session, &path)? {
            Some(size) if size == needed.size => Ok(true),
            Some(_) => fs_err::remove_file(&path).map(|()| false),
            None => Ok(false),
        }
    }
}

/// The size of a blob, if it is there and can be relied on.
///
/// A blob becomes read-only when it is on the disk. One that is not read-only was written by a process that still runs,
/// or that was killed; a power failure may cut it off. Only who has written it relies on it, others write it again.
fn reliable_size(session: &Session, path: &Path) -> io::Result<Option<u64>> {
    match fs_err::metadata(path) {
        Ok(metadata) if is_sealed(&metadata) || session.has_unsealed(path) => Ok(Some(metadata.len())),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_sealed(blob: &Metadata) -> bool {
    blob.permissions().readonly()
}

/// The name under which the store keeps the image: a reference, whose digest, if it has one, is the image's or that of the
/// index from which it was chosen.
fn accepted<'a>(name: &'a ImageName, image: &Digest, index: Option<&Digest>) -> Result<&'a Reference, SinkError> {
    let wrong = || SinkError::WrongName { place: Place::Store, name: name.clone() };
    let reference = name.reference().ok_or_else(wrong)?;
    if reference.digest().is_some_and(|digest| digest != image && Some(digest) != index) {
        return Err(wrong());
    }
    Ok(reference)
}

/// What must be there before a document gets its name: config and layers of a manifest. The images of an index may be
/// absent, as they are in layouts that hold an index for the sake of one platform.
fn needed_blobs(bytes: &[u8]) -> io::Result<Vec<Descriptor>> {
    if serde_json::from_slice::<Index>(bytes).is_ok() {
        return Ok(Vec::new());
    }
    let manifest: Manifest = serde_json::from_slice(bytes)?;
    Ok(std::iter::once(manifest.config).chain(manifest.layers).collect())
}
