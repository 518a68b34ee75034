//! The helper's part of running a command: what needs the caller's own rights, before and after.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::fs::{CWD, FileType, Gid, Mode, Uid};
use rustix::io::Errno;

use super::kernel::{self, CallerIs, Inner, Namespaces, Side};
use super::sources::Sources;
use super::way_out::{self, WayOut};
use super::{at_path, inside, report};
use crate::wire::{Failure, Report, SandboxRequest};
use crate::{IdMapMode, Step, remove_tree, sys};

/// The only entry of a scratch directory in use: it has the directories that overlayfs works with.
pub(super) const OVERLAY: &str = "overlay";

/// The directories to stack, relative to the working directory.
///
/// The helper enters the deepest directory above all of them with the caller's rights. The process inside keeps that
/// working directory, also where it could not have come by itself: mapped ids cannot search a home with mode 0700.
pub(super) struct Layout {
    pub(super) lower: Vec<PathBuf>,
    pub(super) scratch: PathBuf,
}

/// Runs the command, and waits until nothing of it is left.
pub(super) fn run(socket: &UnixStream, request: &SandboxRequest, mut streams: Vec<OwnedFd>) -> Result<(), Failure> {
    let entrance = (request.gate.is_some() && streams.len() > 3).then(|| streams.remove(3));
    let as_root = request.id_map.mode() == IdMapMode::Root;
    // Root has the right to find sources only outside; an ordinary user has the right to clone mounts only inside.
    let sources = if as_root { Some(Sources::open(request)?) } else { None };
    let layout = Layout::enter(request)?;
    prepare_scratch(request, &layout.scratch)?;
    if as_root {
        let user = request.id_map.host_uid(request.command.user.0).map(Uid::from_raw);
        let group = request.id_map.host_gid(request.command.user.1).map(Gid::from_raw);
        give_pipes(&streams, user, group);
    }
    let clean = || {
        // If something resists, the caller notices that the directory is not empty.
        let _ = remove_tree(&layout.scratch.join(OVERLAY));
    };
    match kernel::clone(Namespaces::All { network: request.private_network }) {
        Ok(Side::Helper(inner)) => {
            drop((streams, sources, entrance));
            let supervised = supervise(socket, request, &layout.scratch, inner);
            // After the command, an ordinary user could not do this; there it is done inside.
            if supervised.is_err() || (as_root && matches!(supervised, Ok(CallerIs::There))) {
                clean();
            }
            supervised.map(drop)
        }
        Ok(Side::Inside(lifeline)) => {
            if kernel::wait_for_ids(&lifeline).is_some() {
                inside::run(socket, inside::Inside { request, layout, sources, streams, entrance, lifeline });
            }
            sys::exit(0)
        }
        Err(failure) => {
            clean();
            Err(failure)
        }
    }
}

/// Gives the process inside its ids and its way out, and waits for its end.
fn supervise(
    socket: &UnixStream,
    request: &SandboxRequest,
    scratch: &Path,
    mut inner: Inner,
) -> Result<CallerIs, Failure> {
    let ready = inner.give_ids(&request.id_map).and_then(|()| {
        let way_out = way_out(socket, request, scratch, &inner);
        inner.release().map(|()| way_out)
    });
    match ready {
        // It ends with this value.
        Ok(_way_out) => Ok(inner.wait(socket)),
        Err(failure) => {
            inner.kill();
            Err(failure)
        }
    }
}

/// Before the command is started, so that it finds the network from the beginning.
fn way_out(socket: &UnixStream, request: &SandboxRequest, scratch: &Path, inner: &Inner) -> Option<WayOut> {
    let program = request.gate.as_ref()?.pasta.as_ref()?;
    let as_root = request.id_map.mode() == IdMapMode::Root;
    way_out::open(program.as_path(), inner.process(), as_root, scratch)
        .map_err(|reason| report(socket, &Report::NoWayOut(reason)))
        .ok()
}

impl Layout {
    fn enter(request: &SandboxRequest) -> Result<Self, Failure> {
        let canonical = |path: &Path| {
            fs::canonicalize(path)
                .map_err(|error| at_path(Step::OpenDirectory, path)(Errno::from_io_error(&error).unwrap_or(Errno::IO)))
        };
        let scratch = canonical(request.scratch.as_path())?;
        let mut lower: Vec<PathBuf> = Vec::with_capacity(request.lower.len());
        for path in &request.lower {
            let path = canonical(path.as_path())?;
            // overlayfs refuses a directory that is there twice, which images with an empty layer have. Whatever is
            // in it, the topmost one decides.
            if !lower.contains(&path) {
                lower.push(path);
            }
        }
        let above = lower.iter().fold(scratch.as_path(), |above, lower| common_ancestor(above, lower));
        rustix::process::chdir(above).map_err(at_path(Step::OpenDirectory, above))?;
        let relative = |path: &Path| Path::new(".").join(path.strip_prefix(above).unwrap_or(path));
        Ok(Self { lower: lower.iter().map(|path| relative(path)).collect(), scratch: relative(&scratch) })
    }
}

fn common_ancestor<'a>(one: &'a Path, other: &Path) -> &'a Path {
    one.ancestors().find(|ancestor| other.starts_with(ancestor)).unwrap_or(Path::new("/"))
}

/// Makes the directories for overlayfs. They must belong to the root inside, which only root can arrange from here.
fn prepare_scratch(request: &SandboxRequest, scratch: &Path) -> Result<(), Failure> {
    let owner = match request.id_map.mode() {
        IdMapMode::Root => request.id_map.host_uid(0).map(Uid::from_raw),
        IdMapMode::Single | IdMapMode::SubIds => None,
    };
    // Below a set-group-ID directory the group would be one that is not mapped.
    let group = match request.id_map.mode() {
        IdMapMode::Root => request.id_map.host_gid(0).map(Gid::from_raw),
        IdMapMode::Single | IdMapMode::SubIds => Some(rustix::process::getegid()),
    };
    let overlay = scratch.join(OVERLAY);
    for directory in [overlay.clone(), overlay.join("upper"), overlay.join("work"), overlay.join("root")] {
        rustix::fs::mkdirat(CWD, &directory, Mode::from_raw_mode(0o755))
            .and_then(|()| rustix::fs::chownat(CWD, &directory, owner, group, rustix::fs::AtFlags::SYMLINK_NOFOLLOW))
            .map_err(at_path(Step::PrepareScratch, request.scratch.as_path()))?;
    }
    Ok(())
}

/// Gives the command's pipes to its user, so that it can open `/dev/stdout`. For an ordinary user they already are.
pub(super) fn give_pipes(streams: &[OwnedFd], user: Option<Uid>, group: Option<Gid>) {
    for stream in streams {
        let is_pipe =
            rustix::fs::fstat(stream).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        if is_pipe {
            // Where it fails, only opening by path does not work.
            let _ = rustix::fs::fchown(stream, user, group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_ancestor_is_the_deepest() {
        let ancestor = |one, other| common_ancestor(Path::new(one), Path::new(other)).to_owned();
        assert_eq!(ancestor("/a/b/c", "/a/b/d"), Path::new("/a/b"));
        assert_eq!(ancestor("/a/b", "/a/b/d"), Path::new("/a/b"));
        assert_eq!(ancestor("/a", "/ab"), Path::new("/"));
    }
}
