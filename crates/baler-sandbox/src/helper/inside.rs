//! The set-up inside the namespaces: from the host's view of files to the sandbox's.

use std::io::PipeReader;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_change, move_mount, open_tree, unmount,
};

use super::first_process::Links;
use super::kernel::CallerIs;
use super::overlay::Stack;
use super::payload::Place;
use super::sandbox::{Layout, OVERLAY};
use super::sources::Sources;
use super::{at_path, at_step, devices, first_process, hidden, kernel, mount_point, remount, report};
use crate::sys::{self, MountAttributes};
use crate::wire::{CommandRequest, Failure, Report, SandboxRequest};
use crate::{IdMapMode, Step, remove};

/// What the first process inside has from the helper.
pub(super) struct Inside<'a> {
    pub(super) request: &'a SandboxRequest,
    pub(super) layout: Layout,
    /// Already open if the helper had to do it.
    pub(super) sources: Option<Sources>,
    pub(super) streams: Vec<OwnedFd>,
    /// Over it the caller asks for connections.
    pub(super) entrance: Option<OwnedFd>,
    pub(super) lifeline: PipeReader,
}

/// Sets everything up, runs the command, cleans up. Reports what happened; afterwards the process must end.
pub(super) fn run(socket: &UnixStream, mut inside: Inside<'_>) {
    let scratch =
        openat(CWD, &inside.layout.scratch, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let ended = match set_up(&mut inside) {
        Ok(()) => {
            let place = Place::Namespaces { without_groups: inside.request.id_map.mode() != IdMapMode::Single };
            let links = Links { lifeline: Some(&inside.lifeline), entrance: inside.entrance };
            first_process::run(socket, &inside.request.command, place, inside.streams, links)
        }
        Err(failure) => {
            if let Ok(scratch) = &scratch {
                abandon(scratch);
            }
            Err(failure)
        }
    };
    let caller = ended.unwrap_or_else(|failure| {
        report(socket, &Report::Failed(failure));
        CallerIs::There
    });
    // Root's helper does it after the end of this process: the directory is not ours.
    if caller == CallerIs::There
        && inside.request.id_map.mode() != IdMapMode::Root
        && let Ok(scratch) = scratch
    {
        // If something resists, the caller notices that the directory is not empty.
        let _ = remove::empty_open_directory(&scratch, Path::new(OVERLAY));
    }
}

fn set_up(inside: &mut Inside<'_>) -> Result<(), Failure> {
    let request = inside.request;
    sys::leave_session_keyring();
    rustix::system::sethostname(request.hostname.as_bytes()).map_err(at_step(Step::SetHostName))?;
    if request.private_network {
        sys::bring_up_loopback().map_err(at_step(Step::BringUpLoopback))?;
        // All ports are the command's own, as in Docker: an image may listen on port 80. Where the host's /proc cannot be
        // written, it stays as it is elsewhere.
        let _ = fs_err::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    }
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(at_step(Step::MakePrivate))?;
    let sources = match inside.sources.take() {
        Some(sources) => sources,
        None => Sources::open(request)?,
    };
    let stack = Stack::open(&inside.layout)?;
    // From here on no path of the host is looked up: the ids inside may not reach it.
    kernel::take_ids(&request.id_map)?;
    stack.take_over(&request.id_map)?;
    let root = stack.mount(request.oldest_calls)?;
    drop(stack);
    fill(request, &sources, &root)?;
    enter(&root).map_err(at_step(Step::EnterRoot))
}

/// Takes away what is mounted in the scratch directory, so that it can be emptied.
fn abandon(scratch: &OwnedFd) {
    let root = Path::new(OVERLAY).join("root");
    if rustix::process::fchdir(scratch).is_ok() {
        // There may be nothing yet.
        let _ = unmount(&root, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    }
}

/// Mounts everything in the root.
fn fill(request: &SandboxRequest, sources: &Sources, root: &OwnedFd) -> Result<(), Failure> {
    let mounter = Mounter { root, oldest_calls: request.oldest_calls };
    let single = request.id_map.mode() == IdMapMode::Single;
    let protected = if single { divide(request, &mounter)? } else { Vec::new() };
    devices::mount_proc(&mounter)?;
    devices::mount_dev(&mounter, &sources.devices, &request.id_map)?;
    if let Some(sys) = &sources.sys {
        devices::mount_sys(&mounter, sys);
    }
    hidden::hide(&mounter, root)?;
    for (mount, source) in request.mounts.iter().zip(&sources.mounts) {
        let attributes = MountAttributes { read_only: !mount.writable, no_devices: true, recursive: true };
        mounter.attach_with(&source.tree, source.is_directory, mount.target.as_path(), attributes)?;
    }
    make_working_directory(&request.command, root)?;
    // Last, because mount points had to be made.
    let attributes = MountAttributes { read_only: true, no_devices: true, recursive: false };
    for mount in protected.iter().chain(single.then_some(root)) {
        mounter.set_attributes(mount, attributes).map_err(at_step(Step::ProtectRoot))?;
    }
    Ok(())
}

/// An image may name a directory that none of its layers has.
fn make_working_directory(request: &CommandRequest, root: &OwnedFd) -> Result<(), Failure> {
    let path = request.working_directory.as_path();
    if path == Path::new("/") {
        return Ok(());
    }
    match mount_point::open_or_make(root, path, true) {
        // What is no directory is found out by the command that starts there.
        Ok(_) | Err(Errno::NOTDIR) => Ok(()),
        Err(errno) => Err(at_path(Step::EnterWorkingDirectory, path)(errno)),
    }
}

/// Makes mounts of the parts of the root that differ in whether they can be written; returns those that cannot.
fn divide(request: &SandboxRequest, mounter: &Mounter<'_>) -> Result<Vec<OwnedFd>, Failure> {
    let divide = |path: &crate::wire::Text| {
        let path = path.as_path();
        mounter.mount_on_itself(path).map_err(at_path(Step::ProtectRoot, path))
    };
    for path in &request.writable {
        divide(path)?;
    }
    request.protected.iter().map(divide).filter_map(Result::transpose).collect()
}

/// Makes the root that of this process and all that it starts; the host's is gone.
fn enter(root: &OwnedFd) -> Result<(), Errno> {
    rustix::process::fchdir(root)?;
    // The old root lands on top of the new one, where one call finds it.
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
}

/// Attaches mounts inside a root.
pub(super) struct Mounter<'a> {
    root: &'a OwnedFd,
    oldest_calls: bool,
}

impl Mounter<'_> {
    /// Attaches `tree` at `path`, which is made if it does not exist.
    pub(super) fn attach(&self, tree: &OwnedFd, is_directory: bool, path: &Path) -> Result<(), Failure> {
        let mount_point = mount_point::open_or_make(self.root, path, is_directory);
        let mount_point = mount_point.map_err(at_path(Step::MakeMountPoint, path))?;
        attach_to(tree, &mount_point).map_err(at_path(Step::Mount, path))
    }

    /// Attaches `tree` at `path` with `attributes`.
    pub(super) fn attach_with(
        &self,
        tree: &OwnedFd,
        is_directory: bool,
        path: &Path,
        attributes: MountAttributes,
    ) -> Result<(), Failure> {
        self.attach(tree, is_directory, path)?;
        // Nothing runs inside yet, so that it does not matter that they come second.
        self.set_attributes(tree, attributes).map_err(at_path(Step::Mount, path))
    }

    /// Gives an attached mount these attributes.
    pub(super) fn set_attributes(&self, mount: &OwnedFd, attributes: MountAttributes) -> Result<(), Errno> {
        if self.oldest_calls {
            return remount::set_attributes(mount, attributes);
        }
        match sys::set_mount_attributes(mount, attributes) {
            Err(Errno::NOSYS) => remount::set_attributes(mount, attributes),
            other => other,
        }
    }

    /// Makes what is at `path` a mount of its own; `None` if there is nothing.
    pub(super) fn mount_on_itself(&self, path: &Path) -> Result<Option<OwnedFd>, Errno> {
        let place = match mount_point::open_inside(self.root, path) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            other => other?,
        };
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        let tree = open_tree(&place, "", flags)?;
        attach_to(&tree, &place)?;
        Ok(Some(tree))
    }
}

/// Attaches `tree` at an open mount point.
pub(super) fn attach_to(tree: &OwnedFd, mount_point: &OwnedFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, "", mount_point, "", flags)
}
