//! Small files and directories that phases write, with the modes and owners that the next phase expects.

use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::mounted::Owner;

/// A file operation that failed. What was attempted is in `operation`: "write", "create directory".
#[derive(Debug, thiserror::Error)]
#[error("could not {operation} {}", path.display())]
pub struct FileError {
    pub operation: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn because(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { operation, path, source }
    }
}

/// Writes a file with mode 0644 through a temporary name beside it.
pub(crate) fn write_file(path: &Path, content: &[u8], owner: Option<Owner>) -> Result<(), FileError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let attempt = || -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".baler-").tempfile_in(directory)?;
        io::Write::write_all(&mut file, content)?;
        file.as_file().set_permissions(PermissionsExt::from_mode(0o644))?;
        if let Some(Owner { uid, gid }) = owner {
            chown(file.path(), Some(uid), Some(gid))?;
        }
        file.persist(path)?;
        Ok(())
    };
    attempt().map_err(FileError::because("write", path))
}

/// Makes a directory with mode 0755 below one that exists, unless it is there.
pub(crate) fn make_directory(path: &Path, owner: Option<Owner>) -> Result<(), FileError> {
    let attempt = || -> io::Result<()> {
        match fs_err::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
            result => result?,
        }
        fs_err::set_permissions(path, PermissionsExt::from_mode(0o755))?;
        match owner {
            Some(Owner { uid, gid }) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    };
    attempt().map_err(FileError::because("create directory", path))
}

/// Makes `relative` below `root` with all directories between, as [`make_directory`] does.
pub(crate) fn make_directories(root: &Path, relative: &Path, owner: Option<Owner>) -> Result<(), FileError> {
    let mut path = root.to_owned();
    for part in relative {
        path.push(part);
        make_directory(&path, owner)?;
    }
    Ok(())
}

/// Reads a text file; `None` where there is none.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>, FileError> {
    absent_is_none(fs_err::read_to_string(path), path)
}

/// Reads a file; `None` where there is none.
pub(crate) fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    absent_is_none(fs_err::read(path), path)
}

fn absent_is_none<T>(result: io::Result<T>, path: &Path) -> Result<Option<T>, FileError> {
    match result {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError { operation: "read", path: path.to_owned(), source }),
    }
}

/// Removes whatever is at `path`, directories without write permission included. Nothing there is no error.
pub(crate) fn remove_tree(path: &Path) -> Result<(), FileError> {
    let attempt = || -> io::Result<()> {
        let metadata = match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata?,
        };
        if !metadata.is_dir() {
            return fs_err::remove_file(path);
        }
        if fs_err::remove_dir_all(path).is_ok() {
            return Ok(());
        }
        make_writable(path)?;
        fs_err::remove_dir_all(path)
    };
    attempt().map_err(FileError::because("remove", path))
}

fn make_writable(directory: &Path) -> io::Result<()> {
    fs_err::set_permissions(directory, PermissionsExt::from_mode(0o700))?;
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_trees_are_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let tree = scratch.path().join("tree");
        fs_err::create_dir_all(tree.join("a/b")).unwrap();
        fs_err::write(tree.join("a/b/f"), "x").unwrap();
        for directory in ["a/b", "a", ""] {
            fs_err::set_permissions(tree.join(directory), PermissionsExt::from_mode(0o555)).unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        remove_tree(&tree).unwrap();
    }

    #[test]
    fn files_have_fixed_modes() {
        let scratch = tempfile::tempdir().unwrap();
        make_directories(scratch.path(), Path::new("a/b"), None).unwrap();
        let file = scratch.path().join("a/b/f");
        write_file(&file, b"x", None).unwrap();
        assert_eq!(fs_err::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o644);
        assert_eq!(fs_err::metadata(scratch.path().join("a")).unwrap().permissions().mode() & 0o7777, 0o755);
        assert_eq!(read_text(&file).unwrap().as_deref(), Some("x"));
        assert_eq!(read_text(&scratch.path().join("none")).unwrap(), None);
    }
}
