//! The store as a place where images are written to.

use std::io;
use std::sync::Arc;

use baler_image::{
    BlobWriter, Descriptor, Digest, ImageName, Index, Manifest, Place, Reference, ResolvedImage, Sink, SinkError,
};

use crate::blob::{self, FileBlobWriter};
use crate::disk::explain;
use crate::session::Pin;
use crate::store::Store;

impl Sink for Store {
    fn place(&self) -> Place {
        Place::Store
    }

    /// Whoever asks is going to rely on the answer: a blob that is there is kept from garbage collection.
    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        let ask = || {
            let path = blob::path(self.root(), digest);
            self.session()?.pinned(Pin::Blob(digest.clone()), || match fs_err::metadata(&path) {
                // A power failure may leave an empty file; that one is written again.
                Ok(metadata) => Ok(metadata.len() > 0 || *digest == Digest::of(b"")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            })
        };
        ask().map_err(|source| SinkError::WriteBlob { place: Place::Store, digest: digest.clone(), source })
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
    fn blob_writer(&self) -> io::Result<FileBlobWriter> {
        let session = self.session()?;
        let (temporary, root) = (session.fresh("blob"), self.root().to_owned());
        let rename = move |temporary: &std::path::Path, digest: &Digest| {
            let path = blob::path(&root, digest);
            if digest.algorithm() != baler_image::Algorithm::Sha256 {
                fs_err::create_dir_all(path.parent().unwrap_or(&root))?;
            }
            // An existing file is replaced: it has the same bytes, or is damaged.
            session.pinned(Pin::Blob(digest.clone()), || fs_err::rename(temporary, &path))?;
            session.note_unsynchronised(path);
            Ok(())
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
        let reference = accepted(name, descriptor)?;
        if Digest::of(bytes) != descriptor.digest || bytes.len() as u64 != descriptor.size {
            let text = format!("the bytes of the document are not those of {}", descriptor.digest);
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        for needed in needed_blobs(bytes).map_err(failed)? {
            self.check_blob(name, &needed)?;
        }
        self.put_bytes(&descriptor.digest, bytes)?;
        let session = self.session().map_err(failed)?;
        session.synchronise().map_err(failed)?;
        let plain = Descriptor { annotations: std::collections::BTreeMap::new(), ..descriptor.clone() };
        self.write_record(&Arc::clone(&session), reference, &plain, index_digest).map_err(failed)
    }

    /// Whether a blob is there in its full size. One that is not of that size is removed, so that it is written again.
    fn check_blob(&self, name: &ImageName, needed: &Descriptor) -> Result<(), SinkError> {
        let path = blob::path(self.root(), &needed.digest);
        let (place, digest) = (Place::Store, needed.digest.clone());
        match fs_err::metadata(&path) {
            Ok(metadata) if metadata.len() == needed.size => Ok(()),
            Ok(_) => {
                fs_err::remove_file(&path).map_err(|error| SinkError::WriteBlob {
                    place,
                    digest,
                    source: explain(error, &path),
                })?;
                Err(SinkError::MissingBlob { place: Place::Store, name: name.clone(), digest: needed.digest.clone() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(SinkError::MissingBlob { place, name: name.clone(), digest })
            }
            Err(source) => Err(SinkError::WriteBlob { place, digest, source }),
        }
    }
}

/// The name under which the store keeps the image: a reference, whose digest, if it has one, is the image's.
fn accepted<'a>(name: &'a ImageName, descriptor: &Descriptor) -> Result<&'a Reference, SinkError> {
    let wrong = || SinkError::WrongName { place: Place::Store, name: name.clone() };
    let reference = name.reference().ok_or_else(wrong)?;
    if reference.digest().is_some_and(|digest| *digest != descriptor.digest) {
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
