//! The stack of directories: overlayfs with `userxattr`, which an ordinary user may mount (Linux 5.11).
//!
//! overlayfs is given numbers of open descriptors, looked up in `/proc/self/fd`: short enough for hundreds of
//! directories in the one page that `mount(2)` takes and in the 255 bytes that `fsconfig(2)` takes, reachable whatever
//! the directories above allow, and no path of the host can be read in `/proc/mounts` inside.

use std::ffi::CString;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid, chownat, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, mount, move_mount,
};

use super::sandbox::{Layout, OVERLAY};
use super::{at_path, at_step};
use crate::wire::Failure;
use crate::{IdMap, IdMapMode, Step, sys};

/// The open directories of a stack.
pub(super) struct Stack {
    lower: Vec<OwnedFd>,
    overlay: OwnedFd,
    upper: OwnedFd,
    work: OwnedFd,
    mount_point: OwnedFd,
}

impl Stack {
    /// Opens the directories with the caller's rights.
    pub(super) fn open(layout: &Layout) -> Result<Self, Failure> {
        let open = |path: &Path| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            openat(CWD, path, flags, Mode::empty()).map_err(at_path(Step::OpenDirectory, path))
        };
        let overlay = layout.scratch.join(OVERLAY);
        Ok(Self {
            lower: layout.lower.iter().map(|path| open(path)).collect::<Result<_, _>>()?,
            upper: open(&overlay.join("upper"))?,
            work: open(&overlay.join("work"))?,
            mount_point: open(&overlay.join("root"))?,
            overlay: open(&overlay)?,
        })
    }

    /// Makes the directory that becomes `/` belong to the root inside. (For root, the helper has done it.)
    pub(super) fn take_over(&self, id_map: &IdMap) -> Result<(), Failure> {
        if id_map.mode() != IdMapMode::SubIds {
            return Ok(());
        }
        let (user, group) = (Some(Uid::from_raw(0)), Some(Gid::from_raw(0)));
        for directory in [&self.upper, &self.work] {
            chownat(directory, "", user, group, AtFlags::EMPTY_PATH).map_err(at_step(Step::PrepareScratch))?;
        }
        Ok(())
    }

    /// Mounts the stack, and returns its root.
    pub(super) fn mount(&self, oldest_calls: bool) -> Result<OwnedFd, Failure> {
        let mount = || {
            rustix::process::chdir("/proc/self/fd")?;
            if oldest_calls {
                return self.mount_with_options();
            }
            match self.mount_with_calls() {
                // `lowerdir+` came with Linux 6.7.
                Err(Errno::INVAL | Errno::NOSYS) => self.mount_with_options(),
                other => other,
            }
        };
        mount().map_err(at_step(Step::MountOverlay))
    }

    fn mount_with_calls(&self) -> Result<OwnedFd, Errno> {
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", "baler")?;
        fsconfig_set_flag(&context, "userxattr")?;
        fsconfig_set_flag(&context, "volatile")?;
        for lower in &self.lower {
            fsconfig_set_string(&context, "lowerdir+", number(lower))?;
        }
        fsconfig_set_string(&context, "upperdir", number(&self.upper))?;
        fsconfig_set_string(&context, "workdir", number(&self.work))?;
        fsconfig_create(&context)?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        let root = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(&root, "", &self.mount_point, "", flags)?;
        Ok(root)
    }

    fn mount_with_options(&self) -> Result<OwnedFd, Errno> {
        let lower: Vec<String> = self.lower.iter().map(number).collect();
        // `volatile`: nothing of it survives a crash, so nothing need be synced.
        let options = format!(
            "userxattr,volatile,lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            number(&self.upper),
            number(&self.work)
        );
        let options = CString::new(options).map_err(|_| Errno::INVAL)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("baler", sys::descriptor_path(&self.mount_point), "overlay", flags, &*options)?;
        openat(&self.overlay, "root", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }
}

fn number(descriptor: &OwnedFd) -> String {
    descriptor.as_raw_fd().to_string()
}
