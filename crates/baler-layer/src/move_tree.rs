//! Moving trees that are read-only.
//!
//! A directory that is moved to another parent must be writable for its ordinary owner, since its `..` changes. Go's
//! module cache, for one, is full of directories with mode 0555. Only the root matters; nothing inside is looked at.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, chmod, renameat};
use rustix::io::Errno;

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
        self.source.raw_os_error() == Some(Errno::XDEV.raw_os_error())
    }
}

/// Renames the directory `from` to `to`, which must not exist or be an empty directory. The mode of the root is lifted
/// for the move and put back after it, also where the move fails.
pub fn move_tree(from: &Path, to: &Path) -> Result<(), MoveTreeError> {
    try_move(from, to).map_err(|source| MoveTreeError { from: from.to_owned(), to: to.to_owned(), source })
}

fn try_move(from: &Path, to: &Path) -> io::Result<()> {
    let refused = match renameat(CWD, from, CWD, to) {
        Ok(()) => return Ok(()),
        Err(error @ (Errno::ACCESS | Errno::PERM)) => error,
        Err(error) => return Err(error.into()),
    };
    let metadata = from.symlink_metadata()?;
    let mode = metadata.permissions().mode() & 0o7777;
    if !metadata.is_dir() || mode & 0o200 != 0 {
        return Err(refused.into());
    }
    chmod(from, Mode::from_raw_mode(mode | 0o700))?;
    let moved = renameat(CWD, from, CWD, to);
    chmod(if moved.is_ok() { to } else { from }, Mode::from_raw_mode(mode))?;
    Ok(moved?)
}
