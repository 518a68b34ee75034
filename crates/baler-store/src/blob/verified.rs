//! A reader that fails rather than give the last byte of a blob that is not what its digest says.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;

use baler_image::{Descriptor, Digest, Place, SourceError};

use super::hasher::Hasher;

/// A blob's bytes, checked against digest and size. The check is made before the last byte is handed out, so that who
/// reads exactly `size` bytes has verified bytes, too.
pub(crate) struct Verified<R = fs_err::File> {
    file: R,
    place: Place,
    digest: Digest,
    size: u64,
    seen: u64,
    hasher: Hasher,
    is_checked: bool,
}

/// What verified bytes are read from.
pub(crate) trait Content: Read {
    /// Sees to it that damaged content is not relied on again.
    fn distrust(&self) {}
}

impl Content for fs_err::File {
    /// In the store, a damaged blob loses its seal: it is no longer relied on, but written again when it comes.
    fn distrust(&self) {
        // The damage is told in any case.
        let _ = self.set_permissions(PermissionsExt::from_mode(0o600));
    }
}

impl<R: Content> Verified<R> {
    pub(crate) fn new(file: R, place: Place, descriptor: &Descriptor) -> Self {
        let hasher = Hasher::new(descriptor.digest.algorithm());
        let (digest, size) = (descriptor.digest.clone(), descriptor.size);
        Self { file, place, digest, size, seen: 0, hasher, is_checked: false }
    }

    /// Reads everything; the errors come as they are, not wrapped in an I/O error.
    pub(crate) fn read_all(mut self) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0));
        match self.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(match error.downcast::<SourceError>() {
                Ok(error) => error,
                Err(source) => SourceError::Read { place: self.place, source },
            }),
        }
    }

    fn check(&mut self, is_end: bool) -> Result<(), SourceError> {
        if self.seen > self.size || (is_end && self.seen < self.size) {
            let (place, digest, size) = (self.place.clone(), self.digest.clone(), self.size);
            return Err(SourceError::WrongSize { place, digest, size, found: self.seen });
        }
        if self.seen == self.size && !self.is_checked {
            let found = self.hasher.digest();
            if found != self.digest {
                if self.place == Place::Store {
                    self.file.distrust();
                }
                return Err(SourceError::Corrupt {
                    place: self.place.clone(),
                    digest: self.digest.clone(),
                    found,
                    tries: 1,
                });
            }
            self.is_checked = true;
        }
        Ok(())
    }
}

impl<R: Content> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.file.read(buffer)?;
        self.seen += count as u64;
        self.hasher.update(&buffer[..count]);
        self.check(count == 0).map_err(io::Error::other)?;
        Ok(count)
    }
}
