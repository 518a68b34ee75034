//! Small files and directories that phases write, with the modes and owners that the next phase expects.

use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};

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
pub fn write_file(path: &Path, content: &[u8], owner: Option<Owner>) -> Result<(), FileError> {
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

/// Reads a file below `root` that a build may have written; `None` where there is none. Links lead to what is below `root`
/// only, and whatever is no ordinary file, or longer than `most` bytes, is refused.
pub fn read_inside(root: &Path, relative: &Path, most: u64) -> Result<Option<Vec<u8>>, FileError> {
    let path = root.join(relative);
    let attempt = || -> io::Result<Vec<u8>> {
        // Not blocking: it may be a pipe.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat2(CWD, root, directory, Mode::empty(), ResolveFlags::empty())?;
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let file = rustix::io::retry_on_intr(|| openat2(&root, relative, flags, Mode::empty(), inside))?;
        let metadata = fstat(&file)?;
        if FileType::from_raw_mode(metadata.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no ordinary file"));
        }
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(std::fs::File::from(file), most + 1), &mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {most} bytes")));
        }
        Ok(bytes)
    };
    absent_is_none(attempt(), &path)
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
    match attempt() {
        // Somebody else has removed it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => Ok(()),
        result => result.map_err(FileError::because("remove", path)),
    }
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
    fn files_of_a_build_are_read_without_leaving_its_directory() {
        use std::os::unix::fs::symlink;
        let scratch = tempfile::tempdir().unwrap();
        let (outside, root) = (scratch.path().join("outside"), scratch.path().join("root"));
        fs_err::create_dir_all(root.join("a")).unwrap();
        fs_err::write(&outside, "secret").unwrap();
        fs_err::write(root.join("a/file"), "text").unwrap();
        symlink(&outside, root.join("absolute")).unwrap();
        symlink("../outside", root.join("relative")).unwrap();
        symlink("/a/file", root.join("inside")).unwrap();
        symlink("..", root.join("a/up")).unwrap();
        rustix::fs::mkfifoat(CWD, root.join("pipe"), Mode::RUSR).unwrap();
        let read = |name: &str| read_inside(&root, Path::new(name), 4).map_err(|error| error.source.to_string());
        assert_eq!(read("a/file"), Ok(Some(b"text".to_vec())));
        assert_eq!(read("inside"), Ok(Some(b"text".to_vec())));
        for name in ["absolute", "relative", "a/up/../outside", "none", "none/none"] {
            assert_eq!(read(name), Ok(None), "{name}");
        }
        assert_eq!(read("pipe"), Err("it is no ordinary file".into()));
        assert_eq!(read("a"), Err("it is no ordinary file".into()));
        fs_err::write(root.join("a/file"), "texts").unwrap();
        assert_eq!(read("a/file"), Err("it is longer than 4 bytes".into()));
    }

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
