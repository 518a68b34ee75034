//! Moving trees that are read-only.
//!
//! A directory that is moved to another parent must be writable for its ordinary owner, since its `..` changes. Go's
//! module cache, for one, is full of directories with mode 0555.

use std::io;
use std::path::{Path, PathBuf};

/// A tree could not be moved.
#[derive(Debug, thiserror::Error)]
#[error("could not move {} to {}", from.display(), to.display())]
pub struct MoveTreeError {
    pub from: PathBuf,
    pub to: PathBuf,
    pub source: io::Error,
}

impl MoveTreeError {
    /// Whether source and target lie on different mounts, so that only copying can help.
    pub fn is_cross_device(&self) -> bool {
        self.source.raw_os_error() == Some(rustix::io::Errno::XDEV.raw_os_error())
    }
}

/// Renames the directory `from` to `to`, which must not exist or be an empty directory. The mode of the root is lifted
/// for the move and put back after it; nothing inside changes.
pub fn move_tree(from: &Path, to: &Path) -> Result<(), MoveTreeError> {
    todo!()
}
