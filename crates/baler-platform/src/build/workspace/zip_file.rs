//! An application as a zip file, unpacked into the workspace of a build (platform-behaviour 4.9).
//!
//! Modes are kept; archives of systems without them have 0777. Links are made as links. Refused: names that lead out of the
//! archive, entries behind its own links, entries that occur twice, and encrypted ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use baler_layer::archive::clean_name;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::{Copied, Selection};

/// The most that an archive may unpack to.
const MAXIMUM_SIZE: u64 = 1 << 36;
const MAXIMUM_LINK: u64 = 4096;
const PERMISSIONS: u32 = 0o7777;

/// Why a zip file cannot be used as an application.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipFileError {
    #[error("could not read {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("app path must be a directory or zip: {} is neither, or damaged", path.display())]
    Damaged { path: PathBuf, source: Box<ZipError> },
    #[error("{} is damaged at {entry}", path.display())]
    Entry { path: PathBuf, entry: String, source: Box<ZipError> },
    #[error("{}: {entry} {problem}", path.display())]
    Hostile { path: PathBuf, entry: String, problem: &'static str },
    #[error("{} unpacks to more than 64 GiB", path.display())]
    TooLarge { path: PathBuf },
    #[error("could not unpack '{entry}' of {}", path.display())]
    Write { path: PathBuf, entry: String, source: io::Error },
}

/// Unpacks the file `source` into the existing directory `target`.
pub(super) fn unpack(source: &Path, target: &Path, selection: &Selection<'_>) -> Result<Copied, ZipFileError> {
    let path = source.to_owned();
    let file = std::fs::File::open(source).map_err(|source| ZipFileError::Open { path: path.clone(), source })?;
    let damaged = |source| ZipFileError::Damaged { path: path.clone(), source: Box::new(source) };
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(damaged)?;
    let mut unpacking =
        Unpacking { source, target, links: BTreeSet::new(), directories: BTreeMap::new(), copied: Copied::default() };
    for index in 0..archive.len() {
        let failed = |source| ZipFileError::Entry {
            path: path.clone(),
            entry: format!("entry {index}"),
            source: Box::new(source),
        };
        let mut entry = archive.by_index(index).map_err(failed)?;
        unpacking.entry(&mut entry, selection)?;
    }
    unpacking.finish()
}

struct Unpacking<'a> {
    source: &'a Path,
    target: &'a Path,
    links: BTreeSet<PathBuf>,
    /// Directories with the mode that they get at the end.
    directories: BTreeMap<PathBuf, u32>,
    copied: Copied,
}

impl Unpacking<'_> {
    fn entry<R: Read>(&mut self, entry: &mut ZipFile<'_, R>, selection: &Selection<'_>) -> Result<(), ZipFileError> {
        use std::os::unix::ffi::OsStrExt;
        let said = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let hostile = |problem| ZipFileError::Hostile { path: self.source.to_owned(), entry: said.clone(), problem };
        let name = clean_name(entry.name_raw()).ok_or_else(|| hostile("leads out of the archive"))?;
        if name.as_os_str().is_empty() || !selection.filter.keeps(name.as_os_str().as_bytes()) {
            return Ok(());
        }
        if name.as_os_str().as_bytes().contains(&0) {
            return Err(hostile("has a NUL byte in its name"));
        }
        if name.ancestors().skip(1).any(|ancestor| self.links.contains(ancestor)) {
            return Err(hostile("lies behind a symbolic link of the archive"));
        }
        let mode = entry.unix_mode().unwrap_or(0o777) & PERMISSIONS;
        let place = self.target.join(&name);
        let written = if entry.is_dir() {
            self.directories.insert(name.clone(), mode);
            fs_err::create_dir_all(&place)
        } else {
            let parent = place.parent().map(fs_err::create_dir_all).transpose();
            parent.and_then(|_| self.file(entry, name, &place, mode))
        };
        written.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => {
                ZipFileError::Hostile { path: self.source.to_owned(), entry: said.clone(), problem: "is there twice" }
            }
            _ => ZipFileError::Write { path: self.source.to_owned(), entry: said.clone(), source },
        })?;
        if self.copied.size > MAXIMUM_SIZE {
            return Err(ZipFileError::TooLarge { path: self.source.to_owned() });
        }
        Ok(())
    }

    /// A file that is not there yet: one that is could be a link to anything.
    fn file<R: Read>(&mut self, entry: &mut ZipFile<'_, R>, name: PathBuf, place: &Path, mode: u32) -> io::Result<()> {
        self.copied.files += 1;
        if entry.is_symlink() {
            let mut link = String::new();
            entry.take(MAXIMUM_LINK).read_to_string(&mut link)?;
            self.links.insert(name);
            return symlink(link, place);
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
        self.copied.size += io::copy(&mut entry.take(MAXIMUM_SIZE + 1), &mut file)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        let seconds = entry.last_modified().map_or(0, seconds_of);
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(rustix::fs::utimensat(CWD, place, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Gives directories their modes, those below first: one without write permission cannot be filled.
    fn finish(self) -> Result<Copied, ZipFileError> {
        for (name, mode) in self.directories.iter().rev() {
            let set = fs_err::set_permissions(self.target.join(name), Permissions::from_mode(*mode));
            set.map_err(|source| ZipFileError::Write {
                path: self.source.to_owned(),
                entry: name.display().to_string(),
                source,
            })?;
        }
        Ok(self.copied)
    }
}

/// Seconds since 1970 of a time in the zip's own form, which has no time zone.
fn seconds_of(time: zip::DateTime) -> i64 {
    let (year, month, day) = (i64::from(time.year()), i64::from(time.month()), i64::from(time.day()));
    // Years begin in March, so that the day that comes and goes is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    ((days * 24 + i64::from(time.hour())) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::project::FileFilter;

    fn archive(write: impl FnOnce(&mut ZipWriter<io::Cursor<Vec<u8>>>)) -> (tempfile::TempDir, PathBuf) {
        let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
        write(&mut writer);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.zip");
        fs_err::write(&path, writer.finish().unwrap().into_inner()).unwrap();
        fs_err::create_dir(directory.path().join("out")).unwrap();
        (directory, path)
    }

    fn add(writer: &mut ZipWriter<io::Cursor<Vec<u8>>>, name: &str, mode: u32) {
        let time = zip::DateTime::from_date_and_time(2024, 2, 29, 12, 30, 10).unwrap();
        let options = SimpleFileOptions::default().unix_permissions(mode).last_modified_time(time);
        writer.start_file(name, options).unwrap();
        writer.write_all(b"content").unwrap();
    }

    fn unpacked(path: &Path) -> Result<Copied, ZipFileError> {
        unpack(path, &path.with_file_name("out"), &Selection::default())
    }

    #[test]
    fn modes_times_and_links_are_kept() {
        use std::os::unix::fs::MetadataExt;
        let (directory, path) = archive(|zip| {
            zip.add_directory("closed", SimpleFileOptions::default().unix_permissions(0o555)).unwrap();
            add(zip, "closed/run", 0o755);
            add(zip, "deep/er/file", 0o640);
            zip.add_symlink("link", "deep/er/file", SimpleFileOptions::default()).unwrap();
        });
        let copied = unpacked(&path).unwrap();
        assert_eq!((copied.files, copied.size), (3, 14));
        let metadata = |name: &str| directory.path().join("out").join(name).symlink_metadata().unwrap();
        assert_eq!(metadata("closed").mode() & 0o7777, 0o555);
        assert_eq!(metadata("closed/run").mode() & 0o7777, 0o755);
        assert_eq!(metadata("deep/er/file").mtime(), 1_709_209_810);
        assert!(metadata("link").is_symlink());
        fs_err::set_permissions(directory.path().join("out/closed"), Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn what_is_hostile_is_refused() {
        let (directory, path) = archive(|zip| add(zip, "../escape", 0o644));
        assert!(matches!(unpacked(&path), Err(ZipFileError::Hostile { .. })));
        assert!(!directory.path().join("escape").exists());
        let (directory, path) = archive(|zip| {
            zip.add_symlink("d", "..", SimpleFileOptions::default()).unwrap();
            add(zip, "d/escape", 0o644);
        });
        assert!(matches!(unpacked(&path), Err(ZipFileError::Hostile { .. })));
        assert!(!directory.path().join("escape").exists());
    }

    #[test]
    fn a_broken_file_is_told_as_such() {
        let (_directory, path) = archive(|zip| add(zip, "a", 0o644));
        let bytes = fs_err::read(&path).unwrap();
        fs_err::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = unpacked(&path).unwrap_err();
        assert!(error.to_string().starts_with("app path must be a directory or zip: "), "{error}");
        fs_err::write(&path, "no zip").unwrap();
        assert!(matches!(unpacked(&path), Err(ZipFileError::Damaged { .. })));
    }

    #[test]
    fn filters_apply() {
        let (directory, path) = archive(|zip| {
            add(zip, "a.md", 0o644);
            add(zip, "b.c", 0o644);
        });
        let filter = FileFilter::Exclude(crate::project::Patterns::new(&["*.md".to_owned()]));
        unpack(&path, &path.with_file_name("out"), &Selection { filter: &filter, ..Selection::default() }).unwrap();
        assert!(!directory.path().join("out/a.md").exists() && directory.path().join("out/b.c").exists());
    }
}
