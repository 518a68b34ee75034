//! The walk, and what is done with each entry: recorded, or compared with its record.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

use super::{StatManifest, StatManifestError};

/// Depth, length of the name, mode; size, mtime, ctime, inode.
const FIXED_SIZE: usize = 2 + 2 + 4 + 8 + 12 + 12 + 8;
/// Where in a record the inode is: at the end of the fixed part, before the name.
const INODE: std::ops::Range<usize> = FIXED_SIZE - 8..FIXED_SIZE;
/// No entry has this inode, so the record equals nothing.
const NO_INODE: u64 = 0;

/// A time stamp of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time {
    seconds: i64,
    nanoseconds: u32,
}

impl Time {
    /// The time of the last change to the inode.
    pub(super) fn of_change(stat: &Stat) -> Self {
        Self::new(stat.st_ctime, stat.st_ctime_nsec)
    }

    #[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion, reason = "types differ by platform")]
    fn new(seconds: impl TryInto<i64>, nanoseconds: impl TryInto<u32>) -> Self {
        Self { seconds: seconds.try_into().unwrap_or(i64::MAX), nanoseconds: nanoseconds.try_into().unwrap_or(0) }
    }

    fn push_to(self, record: &mut Vec<u8>) {
        record.extend_from_slice(&self.seconds.to_le_bytes());
        record.extend_from_slice(&self.nanoseconds.to_le_bytes());
    }
}

/// An entry of the tree.
pub(super) struct Entry<'a> {
    /// Relative to the root, which is the empty path.
    path: &'a [u8],
    depth: u16,
    name: &'a [u8],
    stat: Stat,
}

impl Entry<'_> {
    /// The time that tells about changes; none for the root.
    fn change(&self) -> Option<Time> {
        (self.depth > 0).then(|| Time::of_change(&self.stat))
    }

    fn record(&self, record: &mut Vec<u8>) {
        let stat = &self.stat;
        record.extend_from_slice(&self.depth.to_le_bytes());
        record.extend_from_slice(&u16::try_from(self.name.len()).unwrap_or(u16::MAX).to_le_bytes());
        record.extend_from_slice(&stat.st_mode.to_le_bytes());
        record.extend_from_slice(&stat.st_size.to_le_bytes());
        Time::new(stat.st_mtime, stat.st_mtime_nsec).push_to(record);
        self.change().unwrap_or(Time { seconds: 0, nanoseconds: 0 }).push_to(record);
        record.extend_from_slice(&stat.st_ino.to_le_bytes());
        record.extend_from_slice(self.name);
    }
}

/// Takes the entries of a scan; a false answer ends it.
pub(super) trait Visitor {
    fn visit(&mut self, entry: &Entry<'_>) -> bool;

    /// The directory that was visited last, which has this path, cannot be looked into. A false answer ends the scan.
    fn closed(&mut self, path: &[u8]) -> bool;
}

/// Records every entry.
pub(super) struct Recorder {
    count: u64,
    records: Vec<u8>,
    /// Entries that changed at this time or later are recent.
    since: Time,
    recent: Vec<Recent>,
    /// Where the last record is.
    last: usize,
}

/// An entry that may change again without its time moving.
struct Recent {
    time: Time,
    path: PathBuf,
    /// Where its record is.
    place: usize,
}

impl Visitor for Recorder {
    fn visit(&mut self, entry: &Entry<'_>) -> bool {
        if let Some(time) = entry.change().filter(|time| *time >= self.since) {
            let path = OsStr::from_bytes(entry.path).into();
            self.recent.push(Recent { time, path, place: self.records.len() });
        }
        self.count += 1;
        self.last = self.records.len();
        entry.record(&mut self.records);
        true
    }

    fn closed(&mut self, _path: &[u8]) -> bool {
        self.spoil(self.last);
        true
    }
}

impl Recorder {
    pub(super) fn new(since: Time) -> Self {
        Self { count: 0, records: Vec::new(), since, recent: Vec::new(), last: 0 }
    }

    /// The latest recent change.
    pub(super) fn latest(&self) -> Option<Time> {
        self.recent.iter().map(|recent| recent.time).max()
    }

    /// Makes the records of recent entries equal nothing.
    pub(super) fn spoil_recent(&mut self) {
        let places: Vec<usize> = self.recent.iter().map(|recent| recent.place).collect();
        for place in places {
            self.spoil(place);
        }
    }

    /// Makes a record equal nothing.
    fn spoil(&mut self, place: usize) {
        self.records[place..][INODE].copy_from_slice(&NO_INODE.to_le_bytes());
    }

    /// Whether the recent entries are still as they are recorded.
    pub(super) fn is_settled(&self, root: &Path) -> Result<bool, StatManifestError> {
        for recent in &self.recent {
            let path = root.join(&recent.path);
            match statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if Time::of_change(&stat) == recent.time => {}
                Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => return Ok(false),
                Err(error) => return Err(StatManifestError::Walk { path, source: error.into() }),
            }
        }
        Ok(true)
    }

    pub(super) fn into_manifest(self) -> StatManifest {
        StatManifest { count: self.count, records: self.records }
    }
}

/// Compares every entry with the next record.
pub(super) struct Verifier<'a> {
    rest: &'a [u8],
    record: Vec<u8>,
    difference: Option<PathBuf>,
}

impl<'a> Verifier<'a> {
    pub(super) fn new(records: &'a [u8]) -> Self {
        Self { rest: records, record: Vec::new(), difference: None }
    }

    /// The first path that differs; the root stands for entries that are gone at the end.
    pub(super) fn difference(self) -> Option<PathBuf> {
        let is_incomplete = !self.rest.is_empty();
        self.difference.or_else(|| is_incomplete.then(PathBuf::new))
    }
}

impl Visitor for Verifier<'_> {
    fn visit(&mut self, entry: &Entry<'_>) -> bool {
        self.record.clear();
        entry.record(&mut self.record);
        match self.rest.strip_prefix(self.record.as_slice()) {
            Some(rest) => self.rest = rest,
            None => self.difference = Some(OsStr::from_bytes(entry.path).into()),
        }
        self.difference.is_none()
    }

    fn closed(&mut self, path: &[u8]) -> bool {
        self.difference = Some(OsStr::from_bytes(path).into());
        false
    }
}

/// Walks the tree, the root first, depth first, names in byte order. Links are not followed.
pub(super) fn scan(root: &Path, visitor: &mut dyn Visitor) -> Result<(), StatManifestError> {
    let failed = |source: io::Error| StatManifestError::Walk { path: root.to_owned(), source };
    let directory = open_directory(CWD, root).map_err(|error| failed(error.into()))?;
    let stat = rustix::fs::fstat(&directory).map_err(|error| failed(error.into()))?;
    if !visitor.visit(&Entry { path: b"", depth: 0, name: b"", stat }) {
        return Ok(());
    }
    let mut scan = Scan { path: Vec::new(), visitor };
    match scan.below(directory.as_fd(), 1) {
        Ok(_) => Ok(()),
        Err(source) => Err(StatManifestError::Walk { path: root.join(OsStr::from_bytes(&scan.path)), source }),
    }
}

struct Scan<'a> {
    path: Vec<u8>,
    visitor: &'a mut dyn Visitor,
}

impl Scan<'_> {
    /// Whether to go on. After an error the path is that of what failed.
    fn below(&mut self, directory: BorrowedFd<'_>, depth: u16) -> io::Result<bool> {
        let names = sorted_names(directory)?;
        for name in names {
            let length = self.path.len();
            if length > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.as_bytes());
            let stat = statat(directory, &*name, AtFlags::SYMLINK_NOFOLLOW)?;
            let entry = Entry { path: &self.path, depth, name: name.as_bytes(), stat };
            if !self.visitor.visit(&entry) {
                return Ok(false);
            }
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                let child = match open_directory(directory, &*name) {
                    Err(Errno::ACCESS) if self.visitor.closed(&self.path) => {
                        self.path.truncate(length);
                        continue;
                    }
                    Err(Errno::ACCESS) => return Ok(false),
                    child => child?,
                };
                if stat.st_mode & 0o500 != 0o500 && !can_search(&child) {
                    if !self.visitor.closed(&self.path) {
                        return Ok(false);
                    }
                } else if !self.below(child.as_fd(), depth.checked_add(1).ok_or(Errno::NAMETOOLONG)?)? {
                    return Ok(false);
                }
            }
            self.path.truncate(length);
        }
        Ok(true)
    }
}

/// Whether its entries can be looked at.
fn can_search(directory: &OwnedFd) -> bool {
    statat(directory, ".", AtFlags::empty()).is_ok()
}

fn open_directory(at: BorrowedFd<'_>, path: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    openat(at, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

fn sorted_names(directory: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}
