//! The store's own lock, held for moments only.
//!
//! Shared: who adds something to the store and to its own list of pins. Exclusive: who decides what goes. So garbage
//! collection sees every pin of what it finds, and builds of any length do not keep it waiting.

use std::io;
use std::path::Path;

/// A lock that ends when it is dropped, or with the process.
pub(crate) struct Lock {
    _file: fs_err::File,
}

fn open(path: &Path) -> io::Result<fs_err::File> {
    // Opened for writing, since network file systems lock only such files exclusively.
    fs_err::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

impl Lock {
    /// Waits for a shared lock.
    pub(crate) fn shared(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        file.lock_shared()?;
        Ok(Self { _file: file })
    }

    /// Waits for an exclusive lock.
    pub(crate) fn exclusive(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        file.lock()?;
        Ok(Self { _file: file })
    }

    /// An exclusive lock, if nobody holds one at the moment.
    pub(crate) fn try_exclusive(path: &Path) -> io::Result<Option<Self>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }
}
