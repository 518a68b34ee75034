//! A tree made equal to the application, or to the part of it that takes part.
//!
//! What a [`Record`] shows to be unchanged on both sides stays; all else is removed and copied. Directories get their
//! own attributes in the end, so that those without write permission can be filled.

use std::ffi::{CStr, OsStr};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use baler_lifecycle::mounted::Owner;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::entry::{Copier, CopyError};
use super::finish;
use super::names::Names;
use super::queue::{self, Queue};
use super::record::{Pair, Record, push_entry};
use super::state::{State, Time};
use super::tree::{Marks, Presence, Tree, below};
use super::{Copied, Selection, WorkspaceError};
use crate::project::FileFilter;

/// A file system's clock may be as coarse as a second; an entry that changed later than this before it was read may
/// change again without a trace.
const SETTLED_SECONDS: i64 = 2;

/// What is copied, and how.
pub(super) struct Mirror<'a> {
    pub(super) source: &'a Path,
    pub(super) target: &'a Path,
    pub(super) selection: &'a Selection<'a>,
    /// Whom the copy belongs to, where that is not the caller.
    pub(super) owner: Option<Owner>,
    /// The mode that the root gets; otherwise it is left as it is.
    pub(super) root_mode: Option<u32>,
    /// What is known of source and target.
    pub(super) record: Option<&'a Record>,
    /// Nobody has changed a file in the target since the record was made, so none has to be looked at.
    pub(super) untouched: bool,
    /// Asked for a record of what is made.
    pub(super) recording: Option<Recording>,
    pub(super) threads: NonZeroUsize,
}

/// What a record is made with.
#[derive(Clone, Copy)]
pub(super) struct Recording {
    /// The time at the beginning, or before it.
    pub(super) now: Time,
    /// Whom the copy belongs to.
    pub(super) owner: Owner,
}

/// What came of it.
pub(super) struct Mirrored {
    pub(super) copied: Copied,
    /// The new record, where one is asked for and it is not the old one.
    pub(super) record: Option<Vec<u8>>,
    /// The latest change that was made; the earliest time where there was none.
    pub(super) latest: Time,
}

impl Mirrored {
    /// Whether the target is another one than before.
    pub(super) fn is_changed(&self) -> bool {
        self.latest > Time::default()
    }
}

/// A directory to look at.
struct Job {
    path: Vec<u8>,
    source: State,
    is_kept: bool,
    presence: Presence,
}

/// A directory whose entries are in place.
pub(super) struct Done {
    pub(super) path: Vec<u8>,
    pub(super) source: State,
    /// As it was before.
    pub(super) tree: State,
    /// Otherwise it is there only if something in it is.
    pub(super) is_kept: bool,
    pub(super) is_absent: bool,
    pub(super) count: u32,
    pub(super) entries: Vec<u8>,
    /// Whether the entries are those of the old record; then they are not kept here.
    pub(super) is_recorded: bool,
    copied: Copied,
    latest: Time,
}

impl Mirror<'_> {
    /// Makes the target equal to the source.
    pub(super) fn run(&self) -> Result<Mirrored, WorkspaceError> {
        let marks = Marks::default();
        let root = rustix::fs::stat(self.source).map_err(|error| self.unreadable(b"", error))?;
        let root = State::of(&root);
        let first = Job { path: Vec::new(), source: root, is_kept: true, presence: Presence::Old };
        let work =
            |job, queue: &Queue<_, _>| Directory { mirror: self, marks: &marks, queue, root: root.device }.run(&job);
        let mut done = queue::run(self.threads, first, work)?;
        done.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        let mut copied = Copied::default();
        let mut latest = Time::default();
        for directory in &mut done {
            copied.files += directory.copied.files;
            copied.size += directory.copied.size;
            copied.left_out.append(&mut directory.copied.left_out);
            latest = latest.max(directory.latest);
        }
        copied.left_out.sort_unstable();
        let (record, made) = finish::finish(self, &marks, &done)?;
        Ok(Mirrored { copied, record, latest: latest.max(made) })
    }

    pub(super) fn unreadable(&self, path: &[u8], error: impl Into<io::Error>) -> WorkspaceError {
        WorkspaceError::Read { path: below(self.source, path), source: error.into() }
    }

    pub(super) fn uncopied(&self, path: &[u8], error: impl Into<io::Error>) -> WorkspaceError {
        WorkspaceError::Copy { path: below(self.source, path), source: error.into() }
    }
}

/// The work on one directory.
struct Directory<'a> {
    mirror: &'a Mirror<'a>,
    marks: &'a Marks,
    queue: &'a Queue<Job, WorkspaceError>,
    /// The device of the application's root.
    root: u64,
}

impl Directory<'_> {
    fn run(&self, job: &Job) -> Result<Done, WorkspaceError> {
        let Mirror { source, target, record, untouched, .. } = self.mirror;
        let uncopied = |error: io::Error| self.mirror.uncopied(&job.path, error);
        let read = |error: io::Error| self.mirror.unreadable(&job.path, error);
        let from = open_source(&below(source, &job.path), job.path.is_empty()).map_err(|error| read(error.into()))?;
        let names = Names::read(from.as_fd()).map_err(read)?;
        let mut tree =
            Tree::open((target, &job.path), job.presence, (*record, *untouched), self.marks).map_err(uncopied)?;
        let mut done = Done {
            path: job.path.clone(),
            source: job.source,
            tree: tree.state(),
            is_kept: job.is_kept,
            is_absent: job.presence == Presence::Absent,
            count: 0,
            entries: Vec::with_capacity(tree.recorded_bytes().len()),
            is_recorded: false,
            copied: Copied::default(),
            latest: Time::default(),
        };
        let mut copier = Copier::new(self.mirror.owner);
        let mut wanted: Vec<&CStr> = Vec::new();
        let without = self.left_out(&job.path);
        for name in names.iter().filter(|name| Some(name.to_bytes()) != without) {
            if self.entry((&job.path, from.as_fd()), name, &mut tree, &mut copier, &mut done)? {
                wanted.push(name);
            }
        }
        tree.remove_others(&wanted).map_err(uncopied)?;
        done.is_recorded = job.presence == Presence::Old && tree.recorded_bytes() == done.entries;
        if done.is_recorded {
            done.entries = Vec::new();
        }
        Ok(done)
    }

    /// Whether the entry has its place in the copy.
    fn entry(
        &self,
        (directory, from): (&[u8], BorrowedFd<'_>),
        name: &CStr,
        tree: &mut Tree<'_>,
        copier: &mut Copier,
        done: &mut Done,
    ) -> Result<bool, WorkspaceError> {
        let path = || joined(directory, name);
        let state = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| self.mirror.unreadable(&path(), error))?;
        let state = State::of(&state);
        let is_kept = match self.mirror.selection.filter {
            FileFilter::All => true,
            filter @ (FileFilter::Include(_) | FileFilter::Exclude(_)) => filter.keeps(&path()),
        };
        match state.kind() {
            FileType::Directory => return self.directory(path(), (name, state, is_kept), tree, done),
            _ if !is_kept => return Ok(false),
            FileType::RegularFile | FileType::Symlink => {}
            _ => {
                done.copied.left_out.push(below(Path::new(""), &path()));
                return Ok(false);
            }
        }
        let uncopied = |error| self.mirror.uncopied(&path(), error);
        done.copied.files += 1;
        let found = tree.look(name).map_err(uncopied)?;
        if let Some(pair) = found.and_then(|found| self.kept(from, (name, state), (tree, found), copier)) {
            if state.kind() == FileType::RegularFile {
                done.copied.size += state.size;
            }
            self.note(done, name, &pair);
            return Ok(true);
        }
        if found.is_some() {
            tree.remove(name).map_err(uncopied)?;
        }
        let to = tree.writable().map_err(uncopied)?;
        let copy = match state.kind() {
            FileType::RegularFile => copier.file(from, to, name),
            _ => copier.link(from, to, (name, state)),
        };
        let copy = copy.map_err(|error| match error {
            CopyError::Source(error) => self.mirror.unreadable(&path(), error),
            CopyError::Tree(error) => uncopied(error),
        })?;
        done.copied.size += copy.size;
        done.latest = done.latest.max(copy.tree.changed);
        self.note(done, name, &Pair { source: self.trusted(copy.source), tree: copy.tree });
        Ok(true)
    }

    /// What to record of an entry whose copy, as it was found, is what a new one would be.
    fn kept(
        &self,
        from: BorrowedFd<'_>,
        (name, state): (&CStr, State),
        (tree, found): (&Tree<'_>, State),
        copier: &mut Copier,
    ) -> Option<Pair> {
        let recorded = tree.recorded(name).filter(|recorded| recorded.tree == found)?;
        if recorded.source == state {
            return Some(recorded);
        }
        // It may have changed since it was read, or it may not: what cannot be compared is copied.
        let looks_same = |state: State| (state.mode, state.size, state.modified);
        if looks_same(recorded.source) != looks_same(state) {
            return None;
        }
        let source = copier.unchanged(from, tree.directory()?, (name, state)).ok()??;
        Some(Pair { source: self.trusted(source), tree: found })
    }

    fn directory(
        &self,
        path: Vec<u8>,
        (name, source, is_kept): (&CStr, State, bool),
        tree: &mut Tree<'_>,
        done: &mut Done,
    ) -> Result<bool, WorkspaceError> {
        let uncopied = |error: io::Error| self.mirror.uncopied(&path, error);
        let found = tree.look(name).map_err(uncopied)?;
        let is_there = found.is_some_and(|found| found.kind() == FileType::Directory);
        if found.is_some() && !is_there {
            tree.remove(name).map_err(uncopied)?;
        }
        let presence = if is_there {
            Presence::Old
        } else if is_kept {
            let parent = tree.writable().map_err(uncopied)?;
            rustix::fs::mkdirat(parent, name, Mode::RWXU).map_err(|error| uncopied(error.into()))?;
            Presence::New
        } else {
            Presence::Absent
        };
        // Its states are with its own path.
        self.note(done, name, &Pair::default());
        self.queue.add(Job { path, source, is_kept, presence });
        Ok(true)
    }

    /// The name in this directory that is left out.
    fn left_out(&self, path: &[u8]) -> Option<&[u8]> {
        let without = self.mirror.selection.without;
        let is_here = without.parent().is_some_and(|parent| parent == below(self.mirror.source, path));
        without.file_name().filter(|_| is_here).map(OsStr::as_bytes)
    }

    fn note(&self, done: &mut Done, name: &CStr, pair: &Pair) {
        if self.mirror.recording.is_some() {
            done.count += 1;
            push_entry(&mut done.entries, name.to_bytes(), pair);
        }
    }

    /// The state as it may be relied on later.
    fn trusted(&self, state: State) -> State {
        let settled = state.changed.seconds.saturating_add(SETTLED_SECONDS);
        let is_settled = self.mirror.recording.is_some_and(|recording| settled < recording.now.seconds);
        // What is mounted there may be of any kind.
        if is_settled && state.device == self.root { state } else { state.spoilt() }
    }
}

fn joined(path: &[u8], name: &CStr) -> Vec<u8> {
    if path.is_empty() { name.to_bytes().to_vec() } else { [path, b"/", name.to_bytes()].concat() }
}

fn open_source(path: &Path, is_root: bool) -> Result<OwnedFd, Errno> {
    let link = if is_root { OFlags::empty() } else { OFlags::NOFOLLOW };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | link;
    rustix::fs::openat(CWD, path, flags, Mode::empty())
}
