//! Copies of the host's mounts that the sandbox will show, found by the names that they have on the host.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, FileType};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use super::at_path;
use crate::Step;
use crate::wire::{Failure, SandboxRequest};

/// The devices of the host that every program may expect.
const DEVICES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

/// Detached copies of mounts.
pub(super) struct Sources {
    /// As the request lists them.
    pub(super) mounts: Vec<Source>,
    /// By their name in `/dev`.
    pub(super) devices: Vec<(&'static str, OwnedFd)>,
    /// The host's `/sys`, if it can be had.
    pub(super) sys: Option<OwnedFd>,
}

/// A file or directory to mount.
pub(super) struct Source {
    pub(super) tree: OwnedFd,
    pub(super) is_directory: bool,
}

impl Sources {
    /// Looks everything up with the rights of this process, in its mount namespace.
    pub(super) fn open(request: &SandboxRequest) -> Result<Self, Failure> {
        let mounts = request.mounts.iter().map(|mount| Source::open(mount.source.as_path()));
        let mounts = mounts.collect::<Result<_, _>>()?;
        let device = |name: &'static str| {
            let path = Path::new("/dev").join(name);
            match copy(&path) {
                Ok(tree) => Some(Ok((name, tree))),
                // Some containers have few of them, and programs do without.
                Err(Errno::NOENT) => None,
                Err(errno) => Some(Err(at_path(Step::SetUpDevices, &path)(errno))),
            }
        };
        let devices = DEVICES.into_iter().filter_map(device).collect::<Result<_, _>>()?;
        Ok(Self { mounts, devices, sys: copy(Path::new("/sys")).ok() })
    }
}

impl Source {
    fn open(path: &Path) -> Result<Self, Failure> {
        let failed = at_path(Step::OpenMountSource, path);
        let tree = copy(path).map_err(&failed)?;
        let stat = rustix::fs::fstat(&tree).map_err(failed)?;
        Ok(Self { tree, is_directory: FileType::from_raw_mode(stat.st_mode) == FileType::Directory })
    }
}

/// A detached copy of what is mounted at and below `path`.
fn copy(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    open_tree(CWD, path, flags)
}
