//! What every Linux program expects besides its files: `/proc`, `/dev`, `/sys`.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, mkdirat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
    unmount,
};

use super::inside::Mounter;
use super::{at_path, at_step};
use crate::sys::{self, MountAttributes};
use crate::wire::Failure;
use crate::{IdMap, Step};

/// The usual id of the group that terminals belong to.
const TERMINAL_GROUP: u32 = 5;

/// A `/proc` of the new pid namespace.
pub(super) fn mount_proc(mounter: &Mounter<'_>) -> Result<(), Failure> {
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = new_mount("proc", &[], attributes).map_err(at_step(Step::MountProc))?;
    mounter.attach(&proc, true, Path::new("/proc"))
}

/// The host's `/sys`, read-only. Few programs need it; where the host does not give it, they do without.
pub(super) fn mount_sys(mounter: &Mounter<'_>, host: &OwnedFd) {
    let attributes = MountAttributes { read_only: true, no_devices: true, recursive: true };
    let path = Path::new("/sys");
    if mounter.attach(host, true, path).is_ok() && mounter.set_attributes(host, attributes).is_err() {
        // Better none than one that can be written to.
        let _ = unmount(sys::descriptor_path(host), UnmountFlags::DETACH);
    }
}

/// A `/dev` with the harmless devices, terminals of its own, and shared memory of its own.
pub(super) fn mount_dev(
    mounter: &Mounter<'_>,
    devices: &[(&'static str, OwnedFd)],
    id_map: &IdMap,
) -> Result<(), Failure> {
    let failed = at_path(Step::SetUpDevices, Path::new("/dev"));
    let dev = new_mount("tmpfs", &[("mode", "0755")], MountAttrFlags::MOUNT_ATTR_NOSUID).map_err(&failed)?;
    mounter.attach(&dev, true, Path::new("/dev"))?;
    fill_dev(&dev).map_err(&failed)?;
    for (name, device) in devices {
        mounter.attach(device, false, &Path::new("/dev").join(name))?;
    }
    let terminals = terminals(id_map).map_err(&failed)?;
    mounter.attach(&terminals, true, Path::new("/dev/pts"))?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let memory = new_mount("tmpfs", &[("mode", "1777")], attributes).map_err(&failed)?;
    mounter.attach(&memory, true, Path::new("/dev/shm"))?;
    // Without other ids it would be the build user's.
    let attributes = MountAttributes { read_only: true, no_devices: false, recursive: false };
    mounter.set_attributes(&dev, attributes).map_err(failed)
}

fn fill_dev(dev: &OwnedFd) -> Result<(), Errno> {
    for directory in ["pts", "shm"] {
        mkdirat(dev, directory, Mode::from_raw_mode(0o755))?;
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ];
    for (name, target) in links {
        symlinkat(target, dev, name)?;
    }
    Ok(())
}

fn terminals(id_map: &IdMap) -> Result<OwnedFd, Errno> {
    let group = TERMINAL_GROUP.to_string();
    let mut options = vec![("ptmxmode", "0666"), ("mode", "0620")];
    if id_map.host_gid(TERMINAL_GROUP).is_some() {
        options.push(("gid", &group));
    }
    new_mount("devpts", &options, MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC)
}

/// A detached mount of a new file system.
pub(super) fn new_mount(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (name, value) in options {
        fsconfig_set_string(&context, *name, *value)?;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}
