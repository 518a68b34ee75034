//! Attributes of attached mounts on kernels without `mount_setattr` (before Linux 5.12): one `mount(2)` for each.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount_remount};

use crate::sys::{self, MountAttributes};

/// Gives the attached mount that `mount` is the root of these attributes.
pub(super) fn set_attributes(mount: &OwnedFd, attributes: MountAttributes) -> Result<(), Errno> {
    let failed = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    // By its descriptor: mapped ids may have no right to search the directories that lead to it.
    let own = PathBuf::from(sys::descriptor_path(mount));
    let path = fs::read_link(&own).map_err(failed)?;
    let table = fs::read("/proc/self/mountinfo").map_err(failed)?;
    for (mount_point, flags) in mounts(&table) {
        let Ok(below) = mount_point.strip_prefix(&path) else { continue };
        if below.as_os_str().is_empty() {
            remount(&own, flags | wanted(attributes))?;
        } else if attributes.recursive {
            remount(&own.join(below), flags | wanted(attributes))?;
        }
    }
    Ok(())
}

fn remount(path: &Path, flags: MountFlags) -> Result<(), Errno> {
    mount_remount(path, MountFlags::BIND | flags, "")
}

fn wanted(attributes: MountAttributes) -> MountFlags {
    let choices = [
        (attributes.read_only, MountFlags::RDONLY),
        (attributes.no_devices, MountFlags::NODEV),
        (true, MountFlags::NOSUID),
    ];
    choices.into_iter().filter(|(chosen, _)| *chosen).map(|(_, flag)| flag).collect()
}

/// The mount points of `/proc/self/mountinfo`, with the flags that a remount must repeat (`proc_pid_mountinfo(5)`).
fn mounts(table: &[u8]) -> impl Iterator<Item = (PathBuf, MountFlags)> {
    table.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let path = unescaped(fields.nth(4)?);
        let flags = fields.next()?.split(|byte| *byte == b',').map(|option| match option {
            b"ro" => MountFlags::RDONLY,
            b"nosuid" => MountFlags::NOSUID,
            b"nodev" => MountFlags::NODEV,
            b"noexec" => MountFlags::NOEXEC,
            b"noatime" => MountFlags::NOATIME,
            b"nodiratime" => MountFlags::NODIRATIME,
            b"relatime" => MountFlags::RELATIME,
            _ => MountFlags::empty(),
        });
        Some((path.into(), flags.collect()))
    })
}

/// Undoes `\040` and the like.
fn unescaped(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let code = tail.get(..3).filter(|_| *first == b'\\');
        let code = code.and_then(|digits| u8::from_str_radix(OsStr::from_bytes(digits).to_str()?, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_and_flags_are_read() {
        let table = b"36 35 98:0 / /mnt/with\\040space rw,noatime,nosuid master:1 - ext3 /dev/root rw\n\n";
        let parsed: Vec<_> = mounts(table).collect();
        assert_eq!(parsed, [(PathBuf::from("/mnt/with space"), MountFlags::NOATIME | MountFlags::NOSUID)]);
        assert_eq!(unescaped(b"a\\1"), "a\\1");
    }
}
