//! One directory of the copy, which may be there already, with more or less in it.

use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::names::Names;
use super::record::{Pair, Record};
use super::state::{State, Time};

/// What a directory needs while it is filled.
const FILLED: u32 = 0o700;

/// Paths of directories whose own attributes have to be set in the end.
#[derive(Default)]
pub(super) struct Marks(Mutex<HashSet<Vec<u8>>>);

impl Marks {
    pub(super) fn add(&self, path: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_vec());
    }

    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(path)
    }
}

/// Whether a directory of the copy is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is made when something in it takes part.
    Absent,
    /// Just made, and empty.
    New,
    Old,
}

/// The directory.
pub(super) struct Tree<'a> {
    target: &'a Path,
    path: &'a [u8],
    marks: &'a Marks,
    directory: Option<OwnedFd>,
    state: State,
    /// As recorded, so its names are those of the record.
    is_same: bool,
    /// So are the files and links in it.
    is_untouched: bool,
    names: Names,
    entries: Vec<(&'a [u8], Pair)>,
    /// The entry that comes after the one that was last asked for: most often it is the next.
    next: Cell<usize>,
    recorded: &'a [u8],
}

impl<'a> Tree<'a> {
    /// Opens the directory `path` below `target`, which is `untouched` where it is as it was when the record was made,
    /// files and links in it included, unless the directory itself says otherwise.
    pub(super) fn open(
        (target, path): (&'a Path, &'a [u8]),
        presence: Presence,
        (record, untouched): (Option<&'a Record>, bool),
        marks: &'a Marks,
    ) -> io::Result<Self> {
        let (state, is_same, directory) = (State::default(), false, None);
        let mut tree = Self {
            target,
            path,
            marks,
            directory,
            state,
            is_same,
            is_untouched: false,
            names: Names::default(),
            entries: Vec::new(),
            next: Cell::new(0),
            recorded: b"",
        };
        if presence == Presence::Absent {
            return Ok(tree);
        }
        let place = below(target, path);
        let directory = open_lifted(&place)?;
        tree.state = State::of(&rustix::fs::fstat(&directory)?);
        if presence == Presence::Old {
            let recorded = record.and_then(|record| record.directory(path));
            let is_root = path.is_empty();
            tree.is_same =
                recorded.as_ref().is_some_and(|found| is_same_directory(is_root, found.pair.tree, tree.state));
            tree.is_untouched = tree.is_same && untouched;
            if let Some(found) = recorded {
                (tree.entries, tree.recorded) = (found.entries, found.bytes);
            }
            if record.is_some() && (is_root || !tree.is_same) && has_attributes(&directory)? {
                return Err(io::Error::other("it has attributes that a copy does not have"));
            }
            if !tree.is_same {
                lift(&directory, &mut tree.state.mode)?;
                tree.names = Names::read(directory.as_fd())?;
                marks.add(path);
            }
        } else {
            marks.add(path);
        }
        tree.directory = Some(directory);
        Ok(tree)
    }

    /// What was recorded of all entries.
    pub(super) fn recorded_bytes(&self) -> &[u8] {
        self.recorded
    }

    /// The directory, if it is there.
    pub(super) fn directory(&self) -> Option<BorrowedFd<'_>> {
        self.directory.as_ref().map(AsFd::as_fd)
    }

    /// As it was found.
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Whether there is anything by this name.
    pub(super) fn has(&self, name: &CStr) -> bool {
        if self.is_same { self.recorded(name).is_some() } else { self.names.has(name) }
    }

    /// What was recorded of an entry.
    pub(super) fn recorded(&self, name: &CStr) -> Option<Pair> {
        let name = name.to_bytes();
        let is_at = |place: &usize| self.entries.get(*place).is_some_and(|(found, _)| *found == name);
        let next = self.next.get();
        let place = [next, next.wrapping_sub(1)].into_iter().find(is_at);
        let place = match place {
            Some(place) => place,
            None => self.entries.binary_search_by(|(found, _)| (*found).cmp(name)).ok()?,
        };
        self.next.set(place + 1);
        Some(self.entries[place].1)
    }

    /// The entry as it is now.
    pub(super) fn look(&self, name: &CStr) -> io::Result<Option<State>> {
        if self.is_untouched {
            match self.recorded(name) {
                None => return Ok(None),
                // A directory, which has its states with its own path, if it is there.
                Some(pair) if pair == Pair::default() => {}
                Some(pair) => return Ok(Some(pair.tree)),
            }
        }
        let Some(directory) = self.directory.as_ref().filter(|_| self.has(name)) else { return Ok(None) };
        match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(State::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The directory, ready to be changed; made if it is not there.
    pub(super) fn writable(&mut self) -> io::Result<BorrowedFd<'_>> {
        if self.directory.is_none() {
            self.directory = Some(self.make()?);
        }
        self.marks.add(self.path);
        let directory = self.directory.as_ref().ok_or(io::ErrorKind::NotFound)?;
        lift(directory, &mut self.state.mode)?;
        Ok(directory.as_fd())
    }

    /// Makes the directory and those above it, which do not take part by themselves.
    fn make(&mut self) -> io::Result<OwnedFd> {
        let slashes = self.path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(place, _)| place);
        let mut parent: &[u8] = b"";
        for end in slashes.chain([self.path.len()]) {
            let path = &self.path[..end];
            loop {
                match rustix::fs::mkdir(below(self.target, path), Mode::RWXU) {
                    Ok(()) => {
                        self.marks.add(path);
                        self.marks.add(parent);
                        break;
                    }
                    Err(Errno::EXIST) => break,
                    Err(Errno::ACCESS) if lift_path(&below(self.target, parent))? => self.marks.add(parent),
                    Err(error) => return Err(error.into()),
                }
            }
            parent = path;
        }
        let directory = open_lifted(&below(self.target, self.path))?;
        self.state = State::of(&rustix::fs::fstat(&directory)?);
        Ok(directory)
    }

    /// Removes what is by this name.
    pub(super) fn remove(&mut self, name: &CStr) -> io::Result<()> {
        let place = below(self.target, self.path).join(OsStr::from_bytes(name.to_bytes()));
        let directory = self.writable()?;
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR | Errno::PERM) => baler_sandbox::remove_tree(&place).map_err(|error| error.source),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes everything but what is `wanted`, which is sorted.
    pub(super) fn remove_others(&mut self, wanted: &[&CStr]) -> io::Result<()> {
        let is_other = |name: &[u8]| wanted.binary_search_by(|kept| kept.to_bytes().cmp(name)).is_err();
        let names: Vec<CString> = if self.is_same {
            let names = self.entries.iter().map(|(name, _)| *name).filter(|name| is_other(name));
            names.filter_map(|name| CString::new(name).ok()).collect()
        } else {
            self.names.iter().filter(|name| is_other(name.to_bytes())).map(CStr::to_owned).collect()
        };
        names.iter().try_for_each(|name| self.remove(name))
    }
}

/// Whether two states of a directory are the same. Moving a tree changes its root.
pub(super) fn is_same_directory(is_root: bool, one: State, other: State) -> bool {
    let comparable = |state: State| if is_root { State { changed: Time::default(), ..state } } else { state };
    comparable(one) == comparable(other)
}

/// `directory` with `relative` below it.
pub(super) fn below(directory: &Path, relative: &[u8]) -> PathBuf {
    if relative.is_empty() { directory.to_owned() } else { directory.join(OsStr::from_bytes(relative)) }
}

/// Opens a directory of the copy, whatever mode a build has given it.
fn open_lifted(place: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(CWD, place, flags, Mode::empty()) {
        Err(Errno::ACCESS) if lift_path(place)? => Ok(rustix::fs::openat(CWD, place, flags, Mode::empty())?),
        other => Ok(other?),
    }
}

/// Lets the owner do everything with a directory; whether that was needed.
pub(super) fn lift_path(place: &Path) -> io::Result<bool> {
    let stat = rustix::fs::lstat(place)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory || stat.st_mode & FILLED == FILLED {
        return Ok(false);
    }
    rustix::fs::chmod(place, Mode::from_raw_mode(stat.st_mode & 0o7777 | FILLED))?;
    Ok(true)
}

fn lift(directory: &OwnedFd, mode: &mut u32) -> io::Result<()> {
    if *mode & FILLED != FILLED {
        *mode |= FILLED;
        rustix::fs::fchmod(directory, Mode::from_raw_mode(*mode & 0o7777))?;
    }
    Ok(())
}

/// Whether there is more to a directory than its mode: access lists, for one, which its files inherit.
fn has_attributes(directory: &OwnedFd) -> io::Result<bool> {
    let mut names = vec![0_u8; 4096];
    let length = match rustix::fs::flistxattr(directory, &mut *names) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => 0,
        Err(error) => return Err(error.into()),
    };
    let mut names = names[..length].split(|byte| *byte == 0);
    // Those that the system itself gives to files.
    Ok(names.any(|name| !name.is_empty() && !name.starts_with(b"security.")))
}
