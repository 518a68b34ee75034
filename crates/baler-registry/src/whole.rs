//! A blob that goes up in one request, for registries that take no pieces.
//!
//! It waits in a file without a name until it is complete: then its length is known, as such registries want it, and it can
//! be sent again after a fault.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use baler_image::{BlobWriter, Digest, Repository, SinkError};

use crate::client::Client;
use crate::error::RegistryError;
use crate::session::{Begun, Session};
use crate::transport::{Content, FilePart};

/// Hosts, and ends of hosts, that refuse pieces of some length, or all. GitHub's takes none of more than 4 MiB (ocx-sh/ocx#237),
/// Amazon's none of less than 5 MB and says wrong offsets (dotnet/sdk-container-builds#424, aws/containers-roadmap#2831),
/// Google's none at all (<https://cloud.google.com/artifact-registry/docs/reference/docker-api>).
const WHOLE: [&str; 6] = ["ghcr.io", "gcr.io", "pkg.dev", "amazonaws.com", "amazonaws.com.cn", "public.ecr.aws"];
/// A blob may be longer than what fits into memory, where `/tmp` often is.
const DIRECTORY: &str = "/var/tmp";

/// Whether a registry is known to want blobs whole.
pub(crate) fn is_known(host: &str) -> bool {
    let host = host.split(':').next().unwrap_or(host);
    WHOLE.iter().any(|known| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Whether an error says that a registry does not take a piece, of which it has `sent` bytes before.
pub(crate) fn is_refused_piece(error: &RegistryError, sent: u64) -> bool {
    match error {
        // What is out of step is 416, too; at the beginning nothing can be.
        RegistryError::Status { status: 416, .. } => sent == 0,
        RegistryError::Status { status, .. } => matches!(status, 400 | 405 | 411 | 413 | 415 | 501),
        _ => false,
    }
}

/// A blob that is kept until it is complete.
pub(crate) struct WholeUpload {
    session: Session,
    file: Option<fs_err::File>,
}

impl WholeUpload {
    pub(crate) fn new(client: Arc<Client>, repository: Repository, begun: Option<Begun>) -> Self {
        Self { session: Session::new(client, repository, begun), file: None }
    }
}

impl Write for WholeUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() {
            let directory = Path::new(DIRECTORY);
            let file = tempfile::tempfile_in(directory).or_else(|_| tempfile::tempfile())?;
            self.file = Some(fs_err::File::from_parts(file, directory));
        }
        self.file.as_mut().expect("it was just made").write(bytes)
    }

    /// Does nothing: what is written counts when it is committed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for WholeUpload {
    fn commit(mut self: Box<Self>, digest: &Digest, size: u64) -> Result<(), SinkError> {
        let whole = |file| Content::File(FilePart { file, start: 0, end: size, watch: &|_| Ok(()) });
        self.session.finish(digest, self.file.as_ref().map_or(Content::Nothing, whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_that_are_known() {
        for host in ["ghcr.io", "eu.gcr.io", "europe-west1-docker.pkg.dev", "1.dkr.ecr.eu-west-1.amazonaws.com:443"] {
            assert!(is_known(host), "{host}");
        }
        for host in ["index.docker.io", "quay.io", "notghcr.io", "pkg.dev.example", "127.0.0.1:5000"] {
            assert!(!is_known(host), "{host}");
        }
    }
}
