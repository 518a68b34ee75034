//! What `/proc` and `/sys` tell of the machine, or let change of it: hidden or read-only, as in Docker's containers.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, OpenTreeFlags, open_tree};

use super::inside::Mounter;
use super::{at_path, devices, mount_point};
use crate::Step;
use crate::sys::MountAttributes;
use crate::wire::Failure;

/// A directory is empty, a file is `/dev/null`.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Hides these paths, as far as there are any. `/proc`, `/sys` and `/dev` are mounted.
pub(super) fn hide(mounter: &Mounter<'_>, root: &OwnedFd) -> Result<(), Failure> {
    let nothing = Nothing::new(root).map_err(at_path(Step::HidePaths, Path::new("/dev/null")))?;
    for path in MASKED.map(Path::new) {
        mask(&nothing, root, path).map_err(at_path(Step::HidePaths, path))?;
    }
    let attributes = MountAttributes { read_only: true, no_devices: true, recursive: false };
    for path in READ_ONLY.map(Path::new) {
        let protect = || match mounter.mount_on_itself(path)? {
            Some(mount) => mounter.set_attributes(&mount, attributes),
            None => Ok(()),
        };
        protect().map_err(at_path(Step::HidePaths, path))?;
    }
    Ok(())
}

fn mask(nothing: &Nothing, root: &OwnedFd, path: &Path) -> Result<(), Errno> {
    let place = match mount_point::open_inside(root, path) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        other => other?,
    };
    let is_directory = FileType::from_raw_mode(fstat(&place)?.st_mode) == FileType::Directory;
    let cover = if is_directory { &nothing.directory } else { &nothing.file };
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    super::inside::attach_to(&open_tree(cover, "", flags)?, &place)
}

/// What is put over the paths.
struct Nothing {
    directory: OwnedFd,
    file: OwnedFd,
}

impl Nothing {
    fn new(root: &OwnedFd) -> Result<Self, Errno> {
        let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
            | MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        Ok(Self {
            directory: devices::new_mount("tmpfs", &[("mode", "0555")], attributes)?,
            file: mount_point::open_inside(root, Path::new("/dev/null"))?,
        })
    }
}
