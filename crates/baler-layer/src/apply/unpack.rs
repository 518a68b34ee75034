//! Makes the entries of a layer, one after another.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, linkat, mkdirat, mknodat, openat, symlinkat};
use rustix::io::Errno;

use super::place::{Kind, Target, failed, kind_at, split};
use super::remove::remove_at;
use super::writers::{self, Job, Writers};
use super::{ApplyError, Owners, attributes};
use crate::ownership::{Node, OwnershipIndex, Permissions};
use crate::tar::{Entry, EntryKind, ReadError, TarReader};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Other names of this kind are records of an old union file system.
const RESERVED: &[u8] = b".wh..wh.";

/// A layer on its way to disk.
pub(super) struct Unpacker {
    target: Target,
    owners: Owners,
    /// Directories of which the layer says something; their attributes come last, so that they can be filled.
    directories: BTreeMap<PathBuf, Option<Entry>>,
    /// Directories that a whiteout takes away, and that are here because the layer names something in them.
    taken_away: BTreeSet<PathBuf>,
    pub(super) index: OwnershipIndex,
    pub(super) skipped_devices: u64,
    pub(super) skipped_attributes: u64,
}

/// Where an entry goes.
struct Place {
    /// As the layer names it.
    parent: PathBuf,
    name: OsString,
    /// Where it really is, relative to the target.
    path: PathBuf,
}

impl Unpacker {
    pub(super) fn new(target: &Path, owners: Owners) -> Result<Self, ApplyError> {
        Ok(Self {
            target: Target::open(target)?,
            owners,
            directories: BTreeMap::new(),
            taken_away: BTreeSet::new(),
            index: OwnershipIndex::default(),
            skipped_devices: 0,
            skipped_attributes: 0,
        })
    }

    /// Makes one entry; its content is read from `tar`.
    pub(super) fn entry<R: BufRead>(
        &mut self,
        entry: Entry,
        tar: &mut TarReader<R>,
        writers: &mut Writers<'_>,
    ) -> Result<(), ApplyError> {
        let (parent, name) = split(&entry.path)?;
        let Some(name) = name else { return self.root(entry) };
        if name.as_bytes().starts_with(WHITEOUT) && !matches!(self.owners, Owners::Restore(_)) {
            return self.whiteout(parent, &name);
        }
        match entry.kind {
            EntryKind::Directory => self.directory(parent, name, entry),
            EntryKind::File => self.file(parent, name, entry, tar, writers),
            EntryKind::Symlink => self.symlink(parent, name, &entry),
            EntryKind::HardLink => self.hard_link(parent, name, &entry),
            EntryKind::Fifo => self.fifo(parent, name, &entry),
            EntryKind::CharacterDevice | EntryKind::BlockDevice => {
                self.skipped_devices += 1;
                Ok(())
            }
            EntryKind::Other(_) => Ok(()),
        }
    }

    /// Gives the directories their attributes, the deepest first.
    pub(super) fn finish(&mut self) -> Result<(), ApplyError> {
        self.remove_hidden()?;
        for (path, entry) in std::mem::take(&mut self.directories).into_iter().rev() {
            let fail = |error| failed("set the attributes of", &path, error);
            let directory = self.target.open_directory(&path).map_err(fail)?;
            match entry {
                Some(entry) => {
                    self.skipped_attributes +=
                        attributes::set_extended(directory.as_fd(), &entry, self.owners).map_err(fail)?;
                    attributes::set(directory.as_fd(), &entry, self.owners).map_err(fail)?;
                }
                None => rustix::fs::fchmod(&directory, Mode::from_raw_mode(0o755)).map_err(fail)?,
            }
        }
        Ok(())
    }

    /// Removes directories that are here only for whiteouts in them, where another whiteout hides all of it: with the
    /// lower layers' part hidden, nothing would be left but an empty directory.
    fn remove_hidden(&mut self) -> Result<(), ApplyError> {
        let implicit = self.directories.iter().filter(|(_, entry)| entry.is_none()).map(|(path, _)| path.clone());
        for path in implicit.rev().collect::<Vec<_>>() {
            let is_below_opaque = path.ancestors().skip(1).any(|above| self.index.is_opaque(above));
            if !is_below_opaque && !self.taken_away.contains(&path) {
                continue;
            }
            let fail = |error| failed("remove", &path, error);
            let directory = self.target.open_directory(&path).map_err(fail)?;
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { continue };
            if !has_only_whiteouts(directory.as_fd()).map_err(fail)? {
                continue;
            }
            let parent = self.target.open_directory(parent).map_err(fail)?;
            remove_at(parent.as_fd(), name).map_err(fail)?;
            self.target.forget();
            self.index.remove(&path);
            self.directories.remove(&path);
            if !is_below_opaque {
                mknodat(&parent, name, FileType::CharacterDevice, Mode::empty(), 0).map_err(fail)?;
                self.index.insert(&path, Node::Whiteout);
            }
        }
        Ok(())
    }

    fn root(&mut self, entry: Entry) -> Result<(), ApplyError> {
        if entry.kind != EntryKind::Directory {
            let path = OsStr::from_bytes(&entry.path).into();
            return Err(ApplyError::BadName { path, reason: "is the root, which must be a directory" });
        }
        self.index.insert(Path::new(""), Node::Directory(permissions(&entry)));
        self.directories.insert(PathBuf::new(), Some(entry));
        Ok(())
    }

    /// Finds or makes the directory for an entry, and notes what was made.
    fn place(&mut self, parent: PathBuf, name: OsString) -> Result<Place, ApplyError> {
        let directory = self.target.directory(&parent)?;
        let path = directory.path.join(&name);
        for made in std::mem::take(&mut directory.made) {
            self.index.remove(&made.path);
            self.index.insert(&made.path, Node::Implicit);
            if made.replaced_whiteout {
                let opened = self.target.open_directory(&made.path);
                opened
                    .and_then(|opened| attributes::set_opaque(opened.as_fd()))
                    .map_err(|error| failed("make opaque", &made.path, error))?;
                self.index.set_opaque(&made.path);
                self.taken_away.insert(made.path.clone());
            }
            self.directories.insert(made.path, None);
        }
        Ok(Place { parent, name, path })
    }

    /// Makes room at `place`, and says what was there.
    fn clear(&mut self, place: &Place) -> Result<Option<Kind>, ApplyError> {
        let fail = |error| failed("replace", &place.path, error);
        let directory = self.target.directory(&place.parent)?;
        let found = kind_at(directory.file.as_fd(), &place.name).map_err(fail)?;
        if found.is_some() {
            remove_at(directory.file.as_fd(), &place.name).map_err(fail)?;
            self.index.remove(&place.path);
            if matches!(found, Some(Kind::Directory)) {
                self.directories.retain(|path, _| !path.starts_with(&place.path));
            }
            if matches!(found, Some(Kind::Directory | Kind::Symlink)) {
                self.target.forget();
            }
        }
        Ok(found)
    }

    fn directory(&mut self, parent: PathBuf, name: OsString, entry: Entry) -> Result<(), ApplyError> {
        let place = self.place(parent, name)?;
        let fail = |error| failed("make directory", &place.path, error);
        let directory = self.target.directory(&place.parent)?;
        let found = kind_at(directory.file.as_fd(), &place.name).map_err(fail)?;
        if found != Some(Kind::Directory) {
            self.clear(&place)?;
            let directory = self.target.directory(&place.parent)?;
            mkdirat(&directory.file, &*place.name, Mode::RWXU).map_err(fail)?;
        }
        let is_lower = !matches!(self.owners, Owners::Restore(_));
        if is_lower && matches!(found, Some(Kind::Whiteout | Kind::Symlink | Kind::Other)) {
            // What stood here took away what lower layers have.
            self.make_opaque(&place.path)?;
        }
        self.index.insert(&place.path, Node::Directory(permissions(&entry)));
        self.directories.insert(place.path, Some(entry));
        Ok(())
    }

    fn file<R: BufRead>(
        &mut self,
        parent: PathBuf,
        name: OsString,
        entry: Entry,
        tar: &mut TarReader<R>,
        writers: &mut Writers<'_>,
    ) -> Result<(), ApplyError> {
        let place = self.place(parent, name)?;
        let mut file = self.create(&place)?;
        self.note_file(&place.path, &entry);
        let mut content = writers.buffer();
        if tar.is_sparse() || entry.size > writers::MAXIMUM_SIZE {
            write_content(&mut file, tar, entry.size, &place.path)?;
        } else {
            read_content(tar, &mut content)?;
        }
        writers.write(Job { file, path: place.path, entry, content });
        Ok(())
    }

    /// Makes a file, in place of what may have been there.
    fn create(&mut self, place: &Place) -> Result<File, ApplyError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let create = |unpacker: &mut Self| {
            let directory = unpacker.target.directory(&place.parent)?;
            Ok::<_, ApplyError>(openat(&directory.file, &*place.name, flags, mode))
        };
        let created = match create(self)? {
            Err(Errno::EXIST) => {
                self.clear(place)?;
                create(self)?
            }
            created => created,
        };
        created.map(File::from).map_err(|error| failed("write file", &place.path, error))
    }

    fn symlink(&mut self, parent: PathBuf, name: OsString, entry: &Entry) -> Result<(), ApplyError> {
        let place = self.place(parent, name)?;
        if entry.link.contains(&0) || entry.link.is_empty() {
            let reason = "is a link without a sound target";
            return Err(ApplyError::BadName { path: OsStr::from_bytes(&entry.path).into(), reason });
        }
        self.clear(&place)?;
        let fail = |error| failed("make link", &place.path, error);
        let directory = self.target.directory(&place.parent)?;
        symlinkat(entry.link.as_slice(), &directory.file, &*place.name).map_err(fail)?;
        self.skipped_attributes += entry.attributes.len() as u64;
        attributes::set_at(directory.file.as_fd(), &place.name, entry, self.owners).map_err(fail)
    }

    fn hard_link(&mut self, parent: PathBuf, name: OsString, entry: &Entry) -> Result<(), ApplyError> {
        let bad = || ApplyError::BadHardLink {
            path: OsStr::from_bytes(&entry.path).into(),
            target: OsStr::from_bytes(&entry.link).into(),
        };
        let (target_parent, target_name) = split(&entry.link)?;
        let target_name = target_name.ok_or_else(bad)?;
        let from = self.target.existing_directory(&target_parent).map_err(|_| bad())?;
        let place = self.place(parent, name)?;
        let fail = |error| failed("make hard link", &place.path, error);
        if !matches!(kind_at(from.file.as_fd(), &target_name).map_err(fail)?, Some(Kind::Other | Kind::Symlink)) {
            return Err(bad());
        }
        if from.path.join(&target_name) == place.path {
            return Ok(());
        }
        self.clear(&place)?;
        let directory = self.target.directory(&place.parent)?;
        match linkat(&from.file, &*target_name, &directory.file, &*place.name, AtFlags::empty()) {
            Ok(()) => {}
            // The target was inside the directory that this entry replaced.
            Err(Errno::NOENT) => return Err(bad()),
            Err(error) => return Err(fail(error)),
        }
        self.note_file(&place.path, entry);
        Ok(())
    }

    fn fifo(&mut self, parent: PathBuf, name: OsString, entry: &Entry) -> Result<(), ApplyError> {
        let place = self.place(parent, name)?;
        self.clear(&place)?;
        let fail = |error| failed("make fifo", &place.path, error);
        let directory = self.target.directory(&place.parent)?;
        mknodat(&directory.file, &*place.name, FileType::Fifo, Mode::empty(), 0).map_err(fail)?;
        attributes::set_at(directory.file.as_fd(), &place.name, entry, self.owners).map_err(fail)?;
        // Without a flag for links, which a new fifo is not.
        rustix::fs::chmodat(&directory.file, &*place.name, Mode::from_raw_mode(entry.mode & 0o1777), AtFlags::empty())
            .map_err(fail)?;
        self.note_file(&place.path, entry);
        Ok(())
    }

    fn whiteout(&mut self, parent: PathBuf, name: &OsStr) -> Result<(), ApplyError> {
        if name.as_bytes() == OPAQUE {
            // Any name in the directory makes it.
            let place = self.place(parent, name.to_owned())?;
            return self.make_opaque(place.path.parent().unwrap_or(Path::new("")));
        }
        if name.as_bytes().starts_with(RESERVED) {
            return Ok(());
        }
        let hidden = OsStr::from_bytes(&name.as_bytes()[WHITEOUT.len()..]);
        if matches!(hidden.as_bytes(), b"" | b"." | b"..") {
            return Err(ApplyError::BadName { path: parent.join(name), reason: "takes away nothing" });
        }
        let place = self.place(parent, hidden.to_owned())?;
        let fail = |error| failed("make a whiteout for", &place.path, error);
        let directory = self.target.directory(&place.parent)?;
        match kind_at(directory.file.as_fd(), &place.name).map_err(fail)? {
            // A whiteout is about lower layers: what this one has stays, and hides what is below it.
            Some(Kind::Directory) => {
                self.make_opaque(&place.path)?;
                self.taken_away.insert(place.path);
                return Ok(());
            }
            Some(Kind::Symlink | Kind::Other | Kind::Whiteout) => return Ok(()),
            None => {}
        }
        mknodat(&directory.file, &*place.name, FileType::CharacterDevice, Mode::empty(), 0).map_err(fail)?;
        self.index.insert(&place.path, Node::Whiteout);
        Ok(())
    }

    fn make_opaque(&mut self, path: &Path) -> Result<(), ApplyError> {
        let fail = |error| failed("make opaque", path, error);
        let directory = self.target.open_directory(path).map_err(fail)?;
        attributes::set_opaque(directory.as_fd()).map_err(fail)?;
        self.index.set_opaque(path);
        Ok(())
    }

    fn note_file(&mut self, path: &Path, entry: &Entry) {
        let permissions = permissions(entry);
        if permissions.concerns_users() {
            self.index.insert(path, Node::File(permissions));
        }
    }
}

fn has_only_whiteouts(directory: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if !matches!(name.as_bytes(), b"." | b"..") && kind_at(directory, name)? != Some(Kind::Whiteout) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read_content<R: BufRead>(tar: &mut TarReader<R>, content: &mut Vec<u8>) -> Result<(), ReadError> {
    loop {
        let bytes = tar.content()?;
        let count = bytes.len();
        if count == 0 {
            return Ok(());
        }
        content.extend_from_slice(bytes);
        tar.consume(count);
    }
}

/// Writes a file of `size` bytes while it is read; where the archive has a hole, so has the file.
fn write_content<R: BufRead>(
    file: &mut File,
    tar: &mut TarReader<R>,
    size: u64,
    path: &Path,
) -> Result<(), ApplyError> {
    let fail = |source| ApplyError::Entry { operation: "write file", path: path.to_owned(), source };
    loop {
        let hole = tar.skip_hole();
        if hole > 0 {
            let hole = i64::try_from(hole).map_err(|_| fail(Errno::FBIG.into()))?;
            file.seek(SeekFrom::Current(hole)).map_err(fail)?;
            continue;
        }
        let bytes = tar.content()?;
        let count = bytes.len();
        if count == 0 {
            break;
        }
        file.write_all(bytes).map_err(fail)?;
        tar.consume(count);
    }
    if tar.is_sparse() { file.set_len(size).map_err(fail) } else { Ok(()) }
}

fn permissions(entry: &Entry) -> Permissions {
    Permissions { uid: entry.uid, gid: entry.gid, mode: entry.mode }
}
