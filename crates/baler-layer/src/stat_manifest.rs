//! Whether a tree is still what it was, found out without reading its files.
//!
//! A manifest has path, mode, size, mtime, ctime and inode of each entry. Any change to a file moves its ctime, which no
//! program can set back; so equal records mean equal content, provided the change did not happen in the same tick of the
//! file system's clock as the record was taken. Entries that recent are looked at again after the clock has moved on.
//! The root's own ctime is left out: moving the tree changes it.
//!
//! Take the manifest *before* the content is read: what changes in between is then noticed by the next comparison.

use std::io;
use std::path::{Path, PathBuf};

/// Stat records of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatManifest {
    bytes: Vec<u8>,
}

/// Result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing differs.
    Unchanged,
    /// At least this path (relative to the root) differs, is new, or is gone.
    Changed { path: PathBuf },
}

/// A manifest could not be taken, stored, read or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatManifestError {
    /// The tree could not be walked.
    #[error("could not look at {}", path.display())]
    Walk { path: PathBuf, source: io::Error },
    /// The clock of the file system could not be read.
    #[error("could not read the clock of the file system of {}", path.display())]
    Clock { path: PathBuf, source: io::Error },
    /// The manifest's file could not be read.
    #[error("could not read stat manifest {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The manifest's file could not be written.
    #[error("could not write stat manifest {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The file is no stat manifest, or of another version.
    #[error("{} is not a stat manifest of this version", path.display())]
    Format { path: PathBuf },
}

impl StatManifest {
    /// Records the tree below the directory `root`. Its parent must be writable for a moment: the clock of the file
    /// system is read from a nameless temporary file there.
    pub fn take(root: &Path) -> Result<Self, StatManifestError> {
        todo!()
    }

    /// Compares with the tree that is below `root` now.
    pub fn compare(&self, root: &Path) -> Result<Comparison, StatManifestError> {
        todo!()
    }

    /// Number of entries, the root included.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Stores the manifest as one file, through a temporary name beside it.
    pub fn write_to(&self, path: &Path) -> Result<(), StatManifestError> {
        todo!()
    }

    /// Reads a stored manifest.
    pub fn read_from(path: &Path) -> Result<Self, StatManifestError> {
        todo!()
    }
}
