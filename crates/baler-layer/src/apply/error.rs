//! Why a layer could not be applied.

use std::io;
use std::path::PathBuf;

use baler_image::Digest;

use crate::tar::ReadError;

/// A layer could not be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The bytes of the layer could not be read or decompressed.
    #[error("could not read the layer")]
    Read { source: io::Error },
    /// The bytes are no tar.
    #[error("the layer is not a sound tar: {reason} at byte {offset}")]
    Malformed { reason: &'static str, offset: u64 },
    /// An entry has a name that cannot be in an image.
    #[error("the layer has an entry with the name {path:?}, which {reason}")]
    BadName { path: PathBuf, reason: &'static str },
    /// A hard link points to something that this layer does not have.
    #[error("the hard link {} points to {}, which is no file of this layer", path.display(), target.display())]
    BadHardLink { path: PathBuf, target: PathBuf },
    /// More entries than allowed.
    #[error("the layer has more than {maximum} entries")]
    TooManyEntries { maximum: u64 },
    /// More bytes than allowed.
    #[error("the layer has more than {maximum} bytes")]
    TooManyBytes { maximum: u64 },
    /// The tar is not the one that was asked for.
    #[error("the layer has diffID {found} instead of {expected}")]
    OtherDiffId { expected: Digest, found: Digest },
    /// The target is missing or no directory.
    #[error("could not open directory {}", path.display())]
    OpenTarget { path: PathBuf, source: io::Error },
    /// No thread could be started.
    #[error("could not start a thread to read the layer")]
    Thread { source: io::Error },
    /// An entry could not be made.
    #[error("could not {operation} {}", path.display())]
    Entry { operation: &'static str, path: PathBuf, source: io::Error },
}

impl From<ReadError> for ApplyError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Read { source } => Self::Read { source },
            ReadError::Malformed { reason, offset } => Self::Malformed { reason, offset },
            ReadError::TooLong { maximum } => Self::TooManyBytes { maximum },
        }
    }
}
