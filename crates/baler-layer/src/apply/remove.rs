//! Taking away what a later entry of the same layer replaces.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

/// Removes what stands at `name`, with all below it. Links are not followed.
pub(super) fn remove_at(directory: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<()> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {}
        result => return result,
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inner = openat(directory, name, flags, Mode::empty())?;
    for entry in Dir::read_from(&inner)? {
        let entry = entry?;
        let child = entry.file_name().to_bytes();
        if !matches!(child, b"." | b"..") {
            remove_at(inner.as_fd(), std::os::unix::ffi::OsStrExt::from_bytes(child))?;
        }
    }
    unlinkat(directory, name, AtFlags::REMOVEDIR)
}
