//! Bytes of a layer that are written but not yet kept: whether they are is decided when the whole image is known.

use std::io::{self, Write};

use baler_image::{BlobWriter, Digest, SinkError};

/// New bytes in the places that they may be committed to.
pub(crate) struct Pending {
    pub(super) image: Option<Box<dyn BlobWriter>>,
    pub(super) cache: Option<Box<dyn BlobWriter>>,
    /// Image and cache have their blobs in one place.
    pub(super) is_shared: bool,
}

impl Pending {
    /// Commits what is wanted: for the image, for the cache, for both. The rest is dropped.
    pub(crate) fn commit(
        self,
        (digest, size): (&Digest, u64),
        for_image: bool,
        for_cache: bool,
    ) -> Result<(), SinkError> {
        let wanted = for_image || (for_cache && self.is_shared);
        if let Some(writer) = self.image.filter(|_| wanted) {
            writer.commit(digest, size)?;
        }
        if let Some(writer) = self.cache.filter(|_| for_cache) {
            writer.commit(digest, size)?;
        }
        Ok(())
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for writer in [&mut self.image, &mut self.cache].into_iter().flatten() {
            writer.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        for writer in [&mut self.image, &mut self.cache].into_iter().flatten() {
            writer.flush()?;
        }
        Ok(())
    }
}
