//! `mount_setattr(2)`, Linux 5.12.

use std::os::fd::{AsFd, AsRawFd as _};

use rustix::io::Errno;

use super::checked;

/// What a mount becomes, besides private and `nosuid`.
#[derive(Clone, Copy)]
pub(crate) struct MountAttributes {
    pub(crate) read_only: bool,
    pub(crate) no_devices: bool,
    /// Whether everything that is mounted below becomes so too.
    pub(crate) recursive: bool,
}

/// Gives the mount that `mount` is the root of these attributes; those that it has already stay.
pub(crate) fn set_mount_attributes(mount: &impl AsFd, attributes: MountAttributes) -> Result<(), Errno> {
    let choices = [
        (attributes.read_only, libc::MOUNT_ATTR_RDONLY),
        (attributes.no_devices, libc::MOUNT_ATTR_NODEV),
        (true, libc::MOUNT_ATTR_NOSUID),
    ];
    let set = choices.iter().filter(|(chosen, _)| *chosen).fold(0, |set, (_, attribute)| set | *attribute);
    let argument = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    let recursive = if attributes.recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, the argument lives until the call returns, and its size is given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | recursive,
            &raw const argument,
            std::mem::size_of::<libc::mount_attr>(),
        )
    };
    checked(result).map(drop)
}
