//! Where an entry goes: its directory found or made, inside the target whatever links the layer has.
//!
//! Links on the way are followed here, component by component, and taken relative to the target; the kernel is then
//! asked for a way without links below the target (`openat2`), so a mistake here cannot lead outside.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, mkdirat, openat2, readlinkat, statat, unlinkat};
use rustix::io::Errno;

use super::ApplyError;

/// As many links on one way as Linux allows.
const MAXIMUM_LINKS: usize = 40;
/// While the layer is applied everything can be filled; the modes come at the end.
const WORKING_MODE: Mode = Mode::RWXU;

/// The target, with the last directory kept open: neighbours in a tar are neighbours on disk.
pub(super) struct Target {
    root: OwnedFd,
    last: Option<(PathBuf, Directory)>,
}

/// A directory in the target.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) file: OwnedFd,
    /// Relative to the target, without links.
    pub(super) path: PathBuf,
    /// Directories on the way that had to be made.
    pub(super) made: Vec<Made>,
}

/// A directory that was made because something lies in it.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) path: PathBuf,
    /// Whether it stands where the layer had a whiteout.
    pub(super) replaced_whiteout: bool,
}

impl Target {
    pub(super) fn open(path: &Path) -> Result<Self, ApplyError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| ApplyError::OpenTarget { path: path.to_owned(), source: error.into() })?;
        Ok(Self { root, last: None })
    }

    /// Opens the directory at `path`, which has no links.
    pub(super) fn open_directory(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.root, path, flags, Mode::empty(), resolve)
    }

    /// The directory that the layer calls `path`; missing parts are made.
    pub(super) fn directory(&mut self, path: &Path) -> Result<&mut Directory, ApplyError> {
        if self.last.as_ref().is_none_or(|(last, _)| last != path) {
            let directory = match self.open_directory(path) {
                Ok(file) => Directory { file, path: path.to_owned(), made: Vec::new() },
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => self.find(path, true)?,
                Err(error) => return Err(failed("open", path, error)),
            };
            self.last = Some((path.to_owned(), directory));
        }
        Ok(&mut self.last.as_mut().expect("it was just set").1)
    }

    /// The directory that the layer calls `path`, if it is there.
    pub(super) fn existing_directory(&self, path: &Path) -> Result<Directory, ApplyError> {
        self.find(path, false)
    }

    /// Forgets the open directory, since something may have taken its place.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    fn find(&self, wanted: &Path, make: bool) -> Result<Directory, ApplyError> {
        let fail = |error| failed("find the directory", wanted, error);
        let mut directory = Directory {
            file: self.open_directory(Path::new("")).map_err(fail)?,
            path: PathBuf::new(),
            made: Vec::new(),
        };
        let mut rest: VecDeque<OsString> = wanted.iter().map(OsStr::to_owned).collect();
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                directory.path.pop();
                directory.file = self.open_directory(&directory.path).map_err(fail)?;
                continue;
            }
            let path = directory.path.join(&name);
            match kind_at(directory.file.as_fd(), &name).map_err(fail)? {
                Some(Kind::Directory) => {}
                Some(Kind::Symlink) => {
                    links += 1;
                    if links > MAXIMUM_LINKS {
                        return Err(fail(Errno::LOOP));
                    }
                    let link = readlinkat(&directory.file, &*name, Vec::new()).map_err(fail)?;
                    let link = PathBuf::from(OsString::from_vec(link.into_bytes()));
                    if link.is_absolute() {
                        directory.path = PathBuf::new();
                        directory.file = self.open_directory(&directory.path).map_err(fail)?;
                    }
                    push_front(&mut rest, &link);
                    continue;
                }
                found @ (None | Some(Kind::Whiteout)) if make => {
                    let replaced_whiteout = found.is_some();
                    if replaced_whiteout {
                        unlinkat(&directory.file, &*name, AtFlags::empty()).map_err(fail)?;
                    }
                    mkdirat(&directory.file, &*name, WORKING_MODE).map_err(fail)?;
                    directory.made.push(Made { path: path.clone(), replaced_whiteout });
                }
                None | Some(Kind::Whiteout) => return Err(fail(Errno::NOENT)),
                Some(Kind::Other) => return Err(fail(Errno::NOTDIR)),
            }
            directory.file = self.open_directory(&path).map_err(fail)?;
            directory.path = path;
        }
        Ok(directory)
    }
}

/// Puts the way that a link says before the rest of the way.
fn push_front(rest: &mut VecDeque<OsString>, link: &Path) {
    for component in link.components().rev() {
        match component {
            Component::Normal(_) | Component::ParentDir => rest.push_front(component.as_os_str().to_owned()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

/// What stands at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    Symlink,
    /// The layer took away what lower layers have.
    Whiteout,
    Other,
}

impl Kind {
    fn of(stat: &Stat) -> Self {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            FileType::CharacterDevice if stat.st_rdev == 0 => Self::Whiteout,
            FileType::RegularFile
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Self::Other,
        }
    }
}

/// What stands at `name` in `directory`; links are not followed.
pub(super) fn kind_at(directory: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<Option<Kind>> {
    match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Kind::of(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The directory and the name of an entry; no name for the root. Leading slashes and `.` mean nothing.
pub(super) fn split(path: &[u8]) -> Result<(PathBuf, Option<OsString>), ApplyError> {
    let bad = |reason| ApplyError::BadName { path: OsStr::from_bytes(path).into(), reason };
    if path.contains(&0) {
        return Err(bad("holds a NUL byte"));
    }
    let mut clean = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(path)).components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => return Err(bad("leads upwards")),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    let name = clean.file_name().map(OsStr::to_owned);
    clean.pop();
    Ok((clean, name))
}

pub(super) fn failed(operation: &'static str, path: &Path, error: Errno) -> ApplyError {
    ApplyError::Entry { operation, path: path.to_owned(), source: error.into() }
}
