//! Blobs on disk: `blobs/<algorithm>/<hex>`, as OCI layouts have them; the store uses the same form.

mod hasher;
mod verified;
mod writer;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use baler_image::{Descriptor, Digest, Place, SourceError};

pub(crate) use verified::{Content, Verified};
pub(crate) use writer::{FileBlobWriter, remove_temporary};

/// Documents are read into memory; none that anything sensible makes is larger.
pub(crate) const MAXIMUM_DOCUMENT: u64 = 64 << 20;

/// Where the blob of `digest` lies below `root`.
pub(crate) fn path(root: &Path, digest: &Digest) -> PathBuf {
    root.join("blobs").join(digest.algorithm().as_str()).join(digest.hex())
}

/// Opens a blob; its bytes are verified while they are read.
pub(crate) fn open(root: &Path, place: &Place, descriptor: &Descriptor) -> Result<Verified, SourceError> {
    let digest = &descriptor.digest;
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SourceError::AbsentBlob { place: place.clone(), digest: digest.clone() },
        _ => SourceError::Read { place: place.clone(), source },
    };
    let file = fs_err::File::open(path(root, digest)).map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    if found != descriptor.size {
        let (place, digest, size) = (place.clone(), digest.clone(), descriptor.size);
        return Err(SourceError::WrongSize { place, digest, size, found });
    }
    Ok(Verified::new(file, place.clone(), descriptor))
}

/// Refuses what is too large for a document.
pub(crate) fn check_document(place: &Place, descriptor: &Descriptor) -> Result<(), SourceError> {
    if descriptor.size > MAXIMUM_DOCUMENT {
        let text =
            format!("document {} has {} bytes, more than {MAXIMUM_DOCUMENT}", descriptor.digest, descriptor.size);
        let source = io::Error::new(io::ErrorKind::InvalidData, text);
        return Err(SourceError::Read { place: place.clone(), source });
    }
    Ok(())
}

/// Reads a whole document.
pub(crate) fn document(root: &Path, place: &Place, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
    check_document(place, descriptor)?;
    open(root, place, descriptor)?.read_all()
}

/// The bytes of a blob that looks like a document; `None` if it is absent or something else.
pub(crate) fn read_json(root: &Path, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
    let mut file = match fs_err::File::open(path(root, digest)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() > MAXIMUM_DOCUMENT {
        return Ok(None);
    }
    let mut first = [0];
    if file.read(&mut first)? == 0 || first != *b"{" {
        return Ok(None);
    }
    let mut bytes = first.to_vec();
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
