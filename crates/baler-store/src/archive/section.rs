//! A part of a file, read by position: any number of threads may read parts of one file.

use std::io::{self, Read};
use std::sync::Arc;

use baler_image::Digest;
use fs_err::os::unix::fs::FileExt;
use sha2::{Digest as _, Sha256};

use crate::blob::Content;

const BUFFER: usize = 1 << 18;

/// Where something is in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// The bytes of an extent.
pub(super) struct Section {
    file: Arc<fs_err::File>,
    position: u64,
    end: u64,
}

impl Section {
    pub(super) fn new(file: &Arc<fs_err::File>, extent: Extent) -> Self {
        Self { file: Arc::clone(file), position: extent.offset, end: extent.offset + extent.size }
    }

    /// The digest of what is left.
    pub(super) fn digest(mut self) -> io::Result<Digest> {
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; BUFFER]);
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(Digest::from_sha256(hash.finalize().into())),
                count => hash.update(&buffer[..count]),
            }
        }
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut buffer[..wanted], self.position)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += count as u64;
        Ok(count)
    }
}

impl Content for Section {}
