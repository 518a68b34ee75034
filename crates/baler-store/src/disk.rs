//! What a full disk is told as: which place, and how much is left there.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// A write failed because the disk (or the user's quota of it) is full.
#[derive(Debug, thiserror::Error)]
#[error("no space left on the disk of {}: {available} bytes are available", path.display())]
pub struct DiskFull {
    /// What was being written.
    pub path: PathBuf,
    /// Bytes that an ordinary user may still write there.
    pub available: u64,
}

impl DiskFull {
    /// What a full disk is told as.
    pub fn at(path: &Path) -> Self {
        let holder = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
        let available = rustix::fs::statvfs(holder).map_or(0, |state| state.f_bavail.saturating_mul(state.f_frsize));
        Self { path: path.to_owned(), available }
    }
}

fn says_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether a full disk is behind an error.
pub(crate) fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if current.downcast_ref::<io::Error>().is_some_and(says_full) {
            return true;
        }
        cause = current.source();
    }
    false
}

/// Says more about `error` where a full disk caused it; other errors stay as they are. The kind is kept.
pub(crate) fn explain(error: io::Error, path: &Path) -> io::Error {
    let is_told = error.get_ref().and_then(|inner| inner.downcast_ref::<DiskFull>()).is_some();
    if is_told || !says_full(&error) { error } else { io::Error::new(error.kind(), DiskFull::at(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_place() {
        let error = explain(io::ErrorKind::StorageFull.into(), Path::new("/tmp/none/such"));
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().starts_with("no space left on the disk of /tmp/none/such: "), "{error}");
        let other = explain(io::Error::other("x"), Path::new("/tmp"));
        assert_eq!(other.to_string(), "x");
    }
}
