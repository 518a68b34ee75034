//! A layout as a place where images are written to.

use std::io;
use std::path::Path;

use baler_image::{BlobWriter, Descriptor, Digest, ImageName, Place, Reference, Sink, SinkError, Target};

use super::{Layout, REFERENCE_NAME, TEMPORARY};
use crate::blob::{self, FileBlobWriter};
use crate::lock::Lock;

impl Sink for Layout {
    fn place(&self) -> Place {
        self.place()
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        let path = blob::path(&self.root, digest);
        path.try_exists().map_err(|source| SinkError::WriteBlob { place: self.place(), digest: digest.clone(), source })
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        self.blob_writer()
            .map(|writer| Box::new(writer) as Box<dyn BlobWriter>)
            .map_err(|source| SinkError::BeginBlob { place: self.place(), source })
    }

    /// The image's name in the layout is the one that was given after the path, or the tag of a reference. Blobs may
    /// be absent: a layout can hold an image for the sake of its manifest and config.
    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        let failed = |source| SinkError::WriteImage { place: self.place(), name: name.clone(), source };
        let entry = self.entry(name, descriptor, bytes)?;
        let mut writer = Box::new(self.blob_writer().map_err(failed)?);
        io::Write::write_all(&mut writer, bytes).map_err(failed)?;
        writer.commit(&descriptor.digest, bytes.len() as u64)?;
        self.put_entry(entry).map_err(failed)
    }
}

fn tag_of(reference: &Reference) -> String {
    match (reference.tag(), reference.digest()) {
        (Some(tag), _) => tag.to_owned(),
        (None, digest) => digest.map(ToString::to_string).unwrap_or_default(),
    }
}

impl Layout {
    /// The entry of a document in the index.
    pub(super) fn entry(
        &self,
        name: &ImageName,
        descriptor: &Descriptor,
        bytes: &[u8],
    ) -> Result<Descriptor, SinkError> {
        if Digest::of(bytes) != descriptor.digest {
            let text = format!("the bytes of the document are not those of {}", descriptor.digest);
            let source = io::Error::new(io::ErrorKind::InvalidInput, text);
            return Err(SinkError::WriteImage { place: self.place(), name: name.clone(), source });
        }
        let mut entry = descriptor.clone();
        match name.target() {
            Target::Layout { name: Some(name), .. } | Target::Archive { name: Some(name), .. } => {
                entry.annotations.insert(REFERENCE_NAME.to_owned(), name.clone())
            }
            Target::Reference(reference) => entry.annotations.insert(REFERENCE_NAME.to_owned(), tag_of(reference)),
            Target::Layout { name: None, .. } | Target::Archive { name: None, .. } => {
                entry.annotations.remove(REFERENCE_NAME)
            }
            Target::Daemon { .. } => return Err(SinkError::WrongName { place: self.place(), name: name.clone() }),
        };
        Ok(entry)
    }

    fn blob_writer(&self) -> io::Result<FileBlobWriter> {
        // Who removes leftovers holds the lock; until the file is made, it must wait.
        let _guard = Lock::shared(&self.root.join(super::MARKER))?;
        let (_, temporary) = self.temporary()?.keep().map_err(|error| error.error)?;
        let root = self.root.clone();
        let rename = move |temporary: &Path, digest: &Digest| {
            let path = blob::path(&root, digest);
            fs_err::create_dir_all(path.parent().unwrap_or(&root))?;
            fs_err::File::open(temporary)?.sync_data()?;
            fs_err::rename(temporary, &path)
        };
        FileBlobWriter::open(temporary, self.place(), Box::new(rename))
    }

    /// A new file in the layout, under a temporary name.
    pub(super) fn temporary(&self) -> io::Result<tempfile::NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY).permissions(super::readable()).tempfile_in(&self.root)
    }
}
