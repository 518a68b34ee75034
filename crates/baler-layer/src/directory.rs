//! A layer made of a directory on disk (reference: "Tar normalisation").
//!
//! Ancestors first, then the directory and all below it, depth first and in byte order of the names. Modes come from
//! disk, owners from the caller and never from `stat`, times are normalised. Sockets are left out, hard links become
//! copies, extended attributes are dropped, sparse files expanded, names that are not UTF-8 kept byte for byte.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::tar::{Owner, TarError};

/// A directory above the layer's own, written before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// Absolute path in the image.
    pub path: PathBuf,
    pub mode: u32,
    pub owner: Owner,
}

/// A directory that becomes a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryLayer {
    /// Where it is on disk.
    pub root: PathBuf,
    /// Where it will be in the image, such as `/layers/<buildpack>/<layer>`.
    pub path_in_image: PathBuf,
    /// Owner of the directory and everything in it.
    pub owner: Owner,
    /// Root-most first, without `/`.
    pub ancestors: Vec<Ancestor>,
}

impl DirectoryLayer {
    /// Writes the whole layer as a tar, with its end mark.
    pub fn write(&self, output: &mut dyn Write) -> Result<(), TarError> {
        todo!()
    }

    /// The ancestors of `path_in_image` (`/` excluded), all with this mode and owner.
    pub fn ancestors_of(path_in_image: &Path, mode: u32, owner: Owner) -> Vec<Ancestor> {
        todo!()
    }
}
