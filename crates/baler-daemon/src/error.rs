//! What can go wrong with a daemon.

use std::io;
use std::path::PathBuf;

use baler_image::{Digest, ImageName, Place, SinkError, SourceError};
use baler_store::{ArchiveError, WriteArchiveError};

/// Why a daemon did not do what it was asked for. That it has no such image is not among these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    #[error("no daemon answers at {address}")]
    Absent { address: String, source: io::Error },
    #[error("not allowed to use the daemon at {address}")]
    NotAllowed { address: String, source: io::Error },
    #[error("what answers at {address} is no Docker or Podman")]
    NotADaemon { address: String },
    #[error("the daemon at {address} speaks version {version} of the API; 1.24 is the oldest that can be used")]
    TooOld { address: String, version: String },
    #[error("could not use the TLS files for {address}: {reason}")]
    Tls { address: String, reason: &'static str },
    #[error("could not read {}", path.display())]
    TlsFile { path: PathBuf, source: io::Error },
    /// The daemon's own words.
    #[error("the daemon refused to {operation} ({status}): {message}")]
    Api { operation: &'static str, status: u16, message: String },
    #[error("the connection to the daemon at {address} broke while it was asked to {operation}")]
    Broken { address: String, operation: &'static str, source: io::Error },
    #[error("the daemon at {address} did not answer in time when it was asked to {operation}")]
    TimedOut { address: String, operation: &'static str },
    #[error("could not understand the daemon's answer when it was asked to {operation}")]
    Malformed { operation: &'static str, source: serde_json::Error },
    #[error("could not keep what the daemon exports in {}", path.display())]
    Work { path: PathBuf, source: io::Error },
    #[error("could not read what the daemon exported")]
    Export(#[from] ArchiveError),
    #[error("could not make the archive for the daemon")]
    Archive(#[from] WriteArchiveError),
    #[error("the daemon took the image, but does not have it as {id}")]
    Lost { id: Digest },
}

impl DaemonError {
    pub(crate) fn into_source_error(self, place: Place) -> SourceError {
        match self {
            Self::Absent { .. } | Self::TimedOut { .. } => SourceError::Unreachable { place, source: self.into() },
            Self::NotAllowed { .. } => SourceError::Refused { place, source: self.into() },
            _ => SourceError::Failed { place, source: self.into() },
        }
    }

    pub(crate) fn into_sink_error(self, place: Place, name: &ImageName) -> SinkError {
        match self {
            Self::Absent { .. } | Self::TimedOut { .. } => SinkError::Unreachable { place, source: self.into() },
            Self::NotAllowed { .. } => SinkError::Refused { place, source: self.into() },
            _ => SinkError::WriteImage { place, name: name.clone(), source: io::Error::other(self) },
        }
    }
}
