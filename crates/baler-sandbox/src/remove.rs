//! Removal of trees that defend themselves: directories without write permission, links that lead elsewhere, any depth.
//!
//! Everything is done relative to open directories, so that a link put in the place of a directory is removed and not
//! followed. What is removed must not be in use by somebody who keeps adding to it.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::RemoveError;

/// How deep directories are kept open; what lies deeper is first moved to the top.
const DEEPEST: usize = 64;

/// Removes `path` and all below it. Links are removed, never followed; directories that deny it are made writable
/// first. Nothing there is no error.
pub fn remove_tree(path: &Path) -> Result<(), RemoveError> {
    let name = c_string(path.as_os_str(), path)?;
    match fs::unlinkat(CWD, &*name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(failed(path, error)),
    }
    empty_directory(path)?;
    fs::unlinkat(CWD, &*name, AtFlags::REMOVEDIR).map_err(|error| failed(path, error))
}

/// Removes all that is in the directory `path`, which stays.
pub(crate) fn empty_directory(path: &Path) -> Result<(), RemoveError> {
    let name = c_string(path.as_os_str(), path)?;
    let top = open_writable(CWD, &name).map_err(|error| failed(path, error))?;
    empty_open_directory(&top, path)
}

/// Removes all that is in `directory`; `path` is what errors call it.
pub(crate) fn empty_open_directory(directory: &OwnedFd, path: &Path) -> Result<(), RemoveError> {
    let mut removal = Removal { top: directory.as_fd(), hoisted: 0, path: path.to_owned(), depth: 0 };
    removal.empty(directory.as_fd()).map_err(|source| RemoveError { path: removal.path, source: source.into() })
}

struct Removal<'a> {
    top: BorrowedFd<'a>,
    hoisted: u64,
    /// Where we are: after an error, what resisted.
    path: PathBuf,
    depth: usize,
}

impl Removal<'_> {
    /// Deletes entries until none is left: while entries go, some file systems skip others, and hoisting adds some.
    fn empty(&mut self, directory: BorrowedFd<'_>) -> Result<(), Errno> {
        let mut seen = usize::MAX;
        while seen > 0 {
            seen = 0;
            for entry in Dir::read_from(directory)? {
                let entry = entry?;
                let name = entry.file_name();
                if name != c"." && name != c".." {
                    seen += 1;
                    self.remove_entry(directory, name, entry.file_type())?;
                }
            }
        }
        Ok(())
    }

    fn remove_entry(&mut self, directory: BorrowedFd<'_>, name: &CStr, kind: FileType) -> Result<(), Errno> {
        self.path.push(OsStr::from_bytes(name.to_bytes()));
        if matches!(kind, FileType::Directory | FileType::Unknown) {
            match self.remove_directory(directory, name) {
                Ok(()) => {}
                // The type was not known, or something else stands there now.
                Err(Errno::NOTDIR | Errno::LOOP) => unlink(directory, name)?,
                Err(error) => return Err(error),
            }
        } else {
            unlink(directory, name)?;
        }
        self.path.pop();
        Ok(())
    }

    fn remove_directory(&mut self, parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
        let directory = open_writable(parent, name)?;
        if self.depth == DEEPEST {
            return self.hoist(parent, name);
        }
        self.depth += 1;
        self.empty(directory.as_fd())?;
        self.depth -= 1;
        fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
    }

    /// Moves a directory that lies too deep to the top, where the next pass finds it.
    fn hoist(&mut self, parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
        loop {
            self.hoisted += 1;
            let new_name = format!("baler-removal-{}", self.hoisted);
            match fs::renameat_with(parent, name, self.top, &*new_name, RenameFlags::NOREPLACE) {
                Err(Errno::EXIST) => {}
                other => return other,
            }
        }
    }
}

fn unlink(directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    match fs::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a directory, not through a link, and lets its owner do everything with it.
fn open_writable(parent: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = match fs::openat(&parent, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            let handle = fs::openat(
                &parent,
                name,
                OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            )?;
            // A path descriptor cannot be changed itself; through /proc its file can, and no link is followed.
            fs::chmod(crate::sys::descriptor_path(&handle), Mode::RWXU)?;
            fs::openat(&parent, name, flags, Mode::empty())?
        }
        other => other?,
    };
    if !Mode::from_raw_mode(fs::fstat(&directory)?.st_mode).contains(Mode::RWXU) {
        match fs::fchmod(&directory, Mode::RWXU) {
            // Not ours; with a capability it goes without.
            Ok(()) | Err(Errno::PERM) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(directory)
}

fn c_string(name: &OsStr, path: &Path) -> Result<CString, RemoveError> {
    CString::new(name.as_bytes()).map_err(|_| failed(path, Errno::INVAL))
}

fn failed(path: &Path, error: Errno) -> RemoveError {
    RemoveError { path: path.to_owned(), source: io::Error::from(error) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use fs_err as fs;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn removes_what_denies_it_and_follows_no_link() {
        let home = tempfile::tempdir().unwrap();
        let (tree, other) = (home.path().join("tree"), home.path().join("other"));
        fs::create_dir_all(tree.join("module/deep")).unwrap();
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("kept"), "kept").unwrap();
        fs::write(tree.join("module/deep/file"), "").unwrap();
        symlink(&other, tree.join("module/link")).unwrap();
        symlink("nowhere", tree.join("dangling")).unwrap();
        set_mode(&tree.join("module/deep"), 0o000);
        set_mode(&tree.join("module"), 0o555);
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        assert!(other.join("kept").exists());
        remove_tree(&tree).unwrap();
        symlink(&other, &tree).unwrap();
        remove_tree(&tree).unwrap();
        assert!(other.join("kept").exists());
    }

    #[test]
    fn removes_trees_deeper_than_open_files_allow() {
        let home = tempfile::tempdir().unwrap();
        let tree = home.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let mut current = rustix::fs::open(&tree, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
        for depth in 0..1100 {
            rustix::fs::mkdirat(&current, "d", Mode::RWXU).unwrap();
            if depth % 50 == 0 {
                rustix::fs::mkdirat(&current, "e", Mode::RUSR | Mode::XUSR).unwrap();
            }
            current = rustix::fs::openat(&current, "d", OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }

    #[test]
    fn an_error_names_what_resisted() {
        let error = remove_tree(Path::new("/proc/self/status")).unwrap_err();
        assert_eq!(error.path, Path::new("/proc/self/status"));
    }
}
