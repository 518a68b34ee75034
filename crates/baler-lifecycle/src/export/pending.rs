//! Bytes of a layer that are written but not yet kept: whether they are is decided when the whole image is known.

use std::io::{self, Write};

use baler_image::{BlobWriter, Digest, SinkError};

use super::pack::Packed;
use crate::cache::{CacheError, StagedTar};

/// New bytes in the places that they may be committed to.
pub(crate) struct Pending {
    pub(super) image: Option<Box<dyn BlobWriter>>,
    pub(super) cache: Option<Box<dyn BlobWriter>>,
    pub(super) tars: PendingTars,
    /// Image and cache have their blobs in one place.
    pub(super) is_shared: bool,
}

/// Tars as they are.
#[derive(Default)]
pub(crate) struct PendingTars {
    /// For a cache of tars.
    pub(super) cache: Option<StagedTar>,
    pub(super) launch: Option<StagedTar>,
}

impl Pending {
    /// Whether compressed bytes are wanted by anyone.
    pub(super) fn takes_blobs(&self) -> bool {
        self.image.is_some() || self.cache.is_some()
    }

    /// Commits the bytes to the image's place where they are wanted there; otherwise they are dropped.
    pub(crate) fn commit_image(
        &mut self,
        (digest, size): (&Digest, u64),
        for_image: bool,
        for_cache: bool,
    ) -> Result<(), SinkError> {
        let wanted = for_image || (for_cache && self.is_shared);
        self.image.take().filter(|_| wanted).map_or(Ok(()), |writer| writer.commit(digest, size))
    }
}

impl Packed {
    /// Commits the bytes to the cache.
    pub(crate) fn commit_cache(&mut self) -> Result<(), CacheError> {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        pending.commit_image((&self.digest, self.size), false, true).map_err(CacheError::Store)?;
        if let Some(writer) = pending.cache {
            writer.commit(&self.digest, self.size).map_err(CacheError::Store)?;
        }
        pending.tars.cache.map_or(Ok(()), |tar| tar.commit(&self.diff_id))
    }

    /// The tar for the launch cache, if it is a new one.
    pub(crate) fn take_launch_tar(&mut self) -> Option<StagedTar> {
        self.pending.as_mut()?.tars.launch.take()
    }
}

impl Write for PendingTars {
    /// A tar that cannot be written does not stop an export: it says so when it is committed.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for tar in [&mut self.cache, &mut self.launch].into_iter().flatten() {
            tar.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
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
