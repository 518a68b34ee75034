//! The application directory, copied into the workspace of a build.
//!
//! Modes and modification times are kept, links are copied as links and never followed. Sockets, pipes and devices are
//! left out with a warning, as an image cannot hold what they stand for. Owners are left to the export, which knows
//! them from the rules. The copy costs no space where the file system can share blocks.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::request::BuildRequest;
use super::zip_file::{self, ZipFileError};
use crate::context::Context;
use crate::project::FileFilter;

/// What was copied and what was not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Copied {
    pub files: u64,
    /// Bytes.
    pub size: u64,
    /// Paths of sockets, pipes and devices, relative to the application.
    pub left_out: Vec<PathBuf>,
}

/// Why the application could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkspaceError {
    #[error("the application directory {} does not exist", path.display())]
    Absent { path: PathBuf },
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not copy {} into the workspace", path.display())]
    Copy { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Zip(#[from] ZipFileError),
}

/// Which parts of a tree are copied.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// A directory that is left out (the store, where it lies inside the application).
    pub without: &'a Path,
    pub filter: &'a FileFilter,
}

impl Default for Selection<'_> {
    fn default() -> Self {
        Self { without: Path::new(""), filter: &FileFilter::All }
    }
}

/// Copies the application of a build, a directory or a zip file, into the existing directory `target`.
pub(super) fn fill(context: &Context<'_>, request: &BuildRequest, target: &Path) -> Result<Copied, WorkspaceError> {
    let selection = Selection { without: context.store.root(), filter: &request.files };
    let application = &request.application;
    if fs_err::metadata(application).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(zip_file::unpack(application, target, &selection)?);
    }
    copy(application, target, &selection)
}

/// Copies the tree below `source` into the existing directory `target`.
pub fn copy(source: &Path, target: &Path, selection: &Selection<'_>) -> Result<Copied, WorkspaceError> {
    let metadata = match fs_err::metadata(source) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(WorkspaceError::Absent { path: source.to_owned() });
        }
        Err(error) => return Err(WorkspaceError::Read { path: source.to_owned(), source: error }),
    };
    if !metadata.is_dir() {
        return Err(WorkspaceError::NotADirectory { path: source.to_owned() });
    }
    let mut copy = Copy { source, selection, copied: Copied::default() };
    copy.directory(source, target, Path::new(""))?;
    Ok(copy.copied)
}

struct Copy<'a> {
    source: &'a Path,
    selection: &'a Selection<'a>,
    copied: Copied,
}

impl Copy<'_> {
    fn directory(&mut self, from: &Path, to: &Path, relative: &Path) -> Result<(), WorkspaceError> {
        let read = |source| WorkspaceError::Read { path: from.to_owned(), source };
        let mut names: Vec<OsString> = Vec::new();
        for entry in fs_err::read_dir(from).map_err(read)? {
            names.push(entry.map_err(read)?.file_name());
        }
        names.sort();
        for name in names {
            self.entry(&from.join(&name), &to.join(&name), &relative.join(&name))?;
        }
        Ok(())
    }

    fn entry(&mut self, from: &Path, to: &Path, relative: &Path) -> Result<(), WorkspaceError> {
        if from == self.selection.without {
            return Ok(());
        }
        let read = |source| WorkspaceError::Read { path: from.to_owned(), source };
        let failed = |source| WorkspaceError::Copy { path: self.source.join(relative), source };
        let metadata = fs_err::symlink_metadata(from).map_err(read)?;
        let kind = metadata.file_type();
        let is_kept = self.selection.filter.keeps(relative.as_os_str().as_bytes());
        if !kind.is_dir() && !is_kept {
            return Ok(());
        }
        if kind.is_dir() {
            fs_err::create_dir(to).map_err(failed)?;
            self.directory(from, to, relative)?;
            // What is in a directory that does not take part may take part by itself.
            if !is_kept && rustix::fs::rmdir(to).is_ok() {
                return Ok(());
            }
            // Last, so that a directory without write permission can be filled.
            let failed = |source| WorkspaceError::Copy { path: from.to_owned(), source };
            fs_err::set_permissions(to, std::fs::Permissions::from_mode(metadata.mode() & 0o7777)).map_err(failed)?;
            set_time(to, &metadata).map_err(failed)?;
        } else if kind.is_file() {
            // Copies the mode too, and shares blocks where the file system can.
            self.copied.size += fs_err::copy(from, to).map_err(failed)?;
            self.copied.files += 1;
            set_time(to, &metadata).map_err(failed)?;
        } else if kind.is_symlink() {
            let link = fs_err::read_link(from).map_err(read)?;
            fs_err::os::unix::fs::symlink(link, to).map_err(failed)?;
            self.copied.files += 1;
        } else {
            debug_assert!(kind.is_socket() || kind.is_fifo() || kind.is_block_device() || kind.is_char_device());
            self.copied.left_out.push(relative.to_owned());
        }
        Ok(())
    }
}

fn set_time(path: &Path, metadata: &std::fs::Metadata) -> io::Result<()> {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let time = Timespec { tv_sec: i64::try_from(since.as_secs()).unwrap_or(0), tv_nsec: since.subsec_nanos().into() };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn keeps_modes_links_and_odd_names_and_leaves_sockets_out() {
        let work = tempfile::tempdir().unwrap();
        let (source, target) = (work.path().join("app"), work.path().join("workspace"));
        fs_err::create_dir_all(source.join("read-only")).unwrap();
        fs_err::create_dir(&target).unwrap();
        fs_err::write(source.join("read-only/file"), "x").unwrap();
        fs_err::set_permissions(source.join("read-only/file"), PermissionsExt::from_mode(0o555)).unwrap();
        fs_err::set_permissions(source.join("read-only"), PermissionsExt::from_mode(0o555)).unwrap();
        fs_err::os::unix::fs::symlink("nowhere", source.join("dangling")).unwrap();
        let odd = OsString::from_vec(b"caf\xe9".to_vec());
        fs_err::write(source.join(&odd), "latin").unwrap();
        let _socket = UnixListener::bind(source.join("socket")).unwrap();
        fs_err::create_dir(source.join("store")).unwrap();

        let copied =
            copy(&source, &target, &Selection { without: &source.join("store"), ..Selection::default() }).unwrap();

        assert_eq!(copied, Copied { files: 3, size: 6, left_out: vec!["socket".into()] });
        assert_eq!(fs_err::metadata(target.join("read-only")).unwrap().mode() & 0o7777, 0o555);
        assert_eq!(fs_err::metadata(target.join("read-only/file")).unwrap().mode() & 0o7777, 0o555);
        assert_eq!(fs_err::read_link(target.join("dangling")).unwrap(), Path::new("nowhere"));
        assert!(target.join(odd).exists());
        assert!(!target.join("store").exists());
        for path in [&source, &target] {
            fs_err::set_permissions(path.join("read-only"), PermissionsExt::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn says_what_is_wrong_with_the_path() {
        let work = tempfile::tempdir().unwrap();
        let absent = copy(&work.path().join("absent"), work.path(), &Selection::default()).unwrap_err();
        assert!(matches!(absent, WorkspaceError::Absent { .. }), "{absent}");
        fs_err::write(work.path().join("file"), "").unwrap();
        let file = copy(&work.path().join("file"), work.path(), &Selection::default()).unwrap_err();
        assert!(matches!(file, WorkspaceError::NotADirectory { .. }), "{file}");
    }
}
