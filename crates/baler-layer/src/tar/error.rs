//! What can go wrong while a layer is written.

use std::io;
use std::path::PathBuf;

use crate::sink::SinkError;

/// A layer could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// The stream that takes the tar refused bytes.
    #[error("could not write the layer")]
    Write { source: io::Error },
    /// A directory of the layer could not be listed.
    #[error("could not read directory {}", path.display())]
    ReadDirectory { path: PathBuf, source: io::Error },
    /// Kind, mode or size of an entry could not be found out.
    #[error("could not look at {}", path.display())]
    Stat { path: PathBuf, source: io::Error },
    /// A file of the layer could not be read.
    #[error("could not read file {}", path.display())]
    ReadFile { path: PathBuf, source: io::Error },
    /// The target of a symbolic link could not be read.
    #[error("could not read link {}", path.display())]
    ReadLink { path: PathBuf, source: io::Error },
    /// A file had another length when it was read than when it was listed.
    #[error("file {} changed while it was read: {expected} bytes expected, {found} found", path.display())]
    Changed { path: PathBuf, expected: u64, found: u64 },
    /// The layer is to be made of a directory, and there is something else.
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    /// A name or link target holds a NUL byte, which no header can carry.
    #[error("name {path:?} holds a NUL byte")]
    NulInName { path: PathBuf },
    /// A pattern of a slice is malformed.
    #[error("bad pattern '{pattern}' for slice paths")]
    BadPattern { pattern: String, source: crate::glob::BadPattern },
    /// Compressing or storing failed.
    #[error(transparent)]
    Sink(#[from] SinkError),
}
