//! Owner, mode, extended attributes and times of what was made.

use std::os::fd::BorrowedFd;

use rustix::fs::{
    AtFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod, fchown, fsetxattr, futimens, utimensat,
};
use rustix::io::Errno;

use super::Owners;
use crate::tar::{Entry, Time};

/// The attribute that makes a directory hide what lower layers have in it, for mounts with `userxattr`.
const OPAQUE: &str = "user.overlay.opaque";
const SETUID_AND_SETGID: u32 = 0o6000;

/// Gives a file or directory owner, mode and time, in the order that leaves all of them standing.
pub(super) fn set(file: BorrowedFd<'_>, entry: &Entry, owners: Owners) -> rustix::io::Result<()> {
    let mut mode = entry.mode;
    match owners {
        // Changing the owner takes setuid away, so the mode comes after.
        Owners::Keep => fchown(file, uid(entry.uid)?, gid(entry.gid)?)?,
        Owners::Record if entry.kind != crate::tar::EntryKind::Directory => mode &= !SETUID_AND_SETGID,
        Owners::Restore(Some(owner)) => fchown(file, uid(owner.uid.into())?, gid(owner.gid.into())?)?,
        Owners::Record | Owners::Restore(None) => {}
    }
    fchmod(file, Mode::from_raw_mode(mode))?;
    if matches!(owners, Owners::Restore(_)) { Ok(()) } else { futimens(file, &timestamps(entry.mtime)) }
}

/// Gives a link or fifo its owner and time; a fifo its mode too.
pub(super) fn set_at(
    directory: BorrowedFd<'_>,
    name: &std::ffi::OsStr,
    entry: &Entry,
    owners: Owners,
) -> rustix::io::Result<()> {
    match owners {
        Owners::Keep => chownat(directory, name, uid(entry.uid)?, gid(entry.gid)?, AtFlags::SYMLINK_NOFOLLOW)?,
        Owners::Restore(Some(owner)) => {
            let (uid, gid) = (uid(owner.uid.into())?, gid(owner.gid.into())?);
            return chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW);
        }
        Owners::Restore(None) => return Ok(()),
        Owners::Record => {}
    }
    utimensat(directory, name, &timestamps(entry.mtime), AtFlags::SYMLINK_NOFOLLOW)
}

/// Sets the extended attributes that an ordinary file can have, and says how many were left out.
///
/// Those of overlayfs itself are never set: they could make a file show what lies elsewhere. Capabilities are set where
/// owners are kept and the kernel allows it; with a recorded owner they would be the caller's.
pub(super) fn set_extended(file: BorrowedFd<'_>, entry: &Entry, owners: Owners) -> rustix::io::Result<u64> {
    let mut skipped = 0;
    for (name, value) in &entry.attributes {
        let is_user = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
        let is_capability = name == b"security.capability" && owners == Owners::Keep;
        let result = if is_user || is_capability {
            fsetxattr(file, name.as_slice(), value, XattrFlags::empty())
        } else {
            Err(Errno::OPNOTSUPP)
        };
        match result {
            Ok(()) => {}
            // Not on this file system, not allowed here, or no name or value that Linux knows.
            Err(Errno::OPNOTSUPP | Errno::PERM | Errno::INVAL | Errno::RANGE | Errno::TOOBIG) => skipped += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(skipped)
}

/// Makes a directory hide what lower layers have in it.
pub(super) fn set_opaque(directory: BorrowedFd<'_>) -> rustix::io::Result<()> {
    fsetxattr(directory, OPAQUE, b"y", XattrFlags::empty())
}

fn uid(id: u64) -> rustix::io::Result<Option<Uid>> {
    // The highest number stands for "unchanged".
    u32::try_from(id).ok().filter(|id| *id != u32::MAX).map(|id| Some(Uid::from_raw(id))).ok_or(Errno::OVERFLOW)
}

fn gid(id: u64) -> rustix::io::Result<Option<Gid>> {
    u32::try_from(id).ok().filter(|id| *id != u32::MAX).map(|id| Some(Gid::from_raw(id))).ok_or(Errno::OVERFLOW)
}

fn timestamps(time: Time) -> Timestamps {
    let time = Timespec { tv_sec: time.seconds, tv_nsec: i64::from(time.nanoseconds) };
    Timestamps { last_access: time, last_modification: time }
}
