//! Writes tar entries in order. Byte rules: USTAR where everything fits, else PAX; see [`super`].

use std::io::{Read, Write};
use std::path::Path;

use super::TarError;
use crate::NORMALISED_TIME;

/// User and group id of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

impl Owner {
    /// 0:0.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };

    /// The owner with these ids.
    pub const fn new(uid: u32, gid: u32) -> Self {
        Self { uid, gid }
    }
}

/// What a header says beside name, kind and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits with setuid, setgid and sticky (`0o7777`); other bits are dropped.
    pub mode: u32,
    pub owner: Owner,
    /// Seconds since 1970.
    pub mtime: i64,
}

impl Attributes {
    /// Mode and owner with the normalised time.
    pub const fn new(mode: u32, owner: Owner) -> Self {
        Self { mode, owner, mtime: NORMALISED_TIME }
    }
}

/// Writes a tar stream. Without [`TarWriter::finish`] the stream has no end mark.
#[derive(Debug)]
pub struct TarWriter<W: Write> {
    output: W,
}

impl<W: Write> TarWriter<W> {
    /// Begins a tar on `output`, which should be buffered.
    pub fn new(output: W) -> Self {
        Self { output }
    }

    /// Adds a directory.
    pub fn directory(&mut self, path: &Path, attributes: &Attributes) -> Result<(), TarError> {
        todo!()
    }

    /// Adds a file of exactly `size` bytes, read from `content`.
    pub fn file(
        &mut self,
        path: &Path,
        attributes: &Attributes,
        size: u64,
        content: impl Read,
    ) -> Result<(), TarError> {
        todo!()
    }

    /// Adds a symbolic link; `target` is written as it is. The usual mode is 0777.
    pub fn symlink(&mut self, path: &Path, target: &Path, attributes: &Attributes) -> Result<(), TarError> {
        todo!()
    }

    /// Adds a hard link to the earlier entry `target`.
    pub fn hard_link(&mut self, path: &Path, target: &Path, attributes: &Attributes) -> Result<(), TarError> {
        todo!()
    }

    /// Writes the end mark (two zero blocks) and hands the output back.
    pub fn finish(self) -> Result<W, TarError> {
        todo!()
    }
}
