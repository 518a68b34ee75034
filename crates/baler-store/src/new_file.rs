//! A file that gets its name when it is whole.
//!
//! Until then it has another one beside, and a lock that ends with its process: whoever begins a file in the same directory
//! removes what processes left that were killed. Layouts have files of other names.

use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use tempfile::NamedTempFile;

use crate::disk::explain;

/// With this begin the names of files on their way.
const PREFIX: &str = ".baler.new-";
/// Others may take a file for a leftover just when it is made.
const TRIES: usize = 5;

/// A file on its way. Dropped before it is whole, it goes, and what had its name stays.
pub struct NewFile {
    output: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl NewFile {
    /// Begins a file that is to be `path`, in a directory that is there. It gets the mode of any other new file.
    pub fn begin(path: &Path) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = make(directory).map_err(|error| explain(error, path))?;
        remove_leftovers(directory);
        Ok(Self { output: BufWriter::with_capacity(1 << 20, file), path: path.to_owned() })
    }

    /// Gives it the mode that another file has.
    pub fn set_permissions(&self, permissions: std::fs::Permissions) -> io::Result<()> {
        self.output.get_ref().as_file().set_permissions(permissions).map_err(|error| explain(error, &self.path))
    }

    /// Gives the file its name; what had it before goes.
    pub fn commit(self) -> io::Result<()> {
        let file = self.output.into_inner().map_err(|error| explain(error.into_error(), &self.path))?;
        file.as_file().sync_data().map_err(|error| explain(error, &self.path))?;
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes).map_err(|error| explain(error, &self.path))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush().map_err(|error| explain(error, &self.path))
    }
}

/// Makes a file that is locked.
fn make(directory: &Path) -> io::Result<NamedTempFile> {
    let readable = std::fs::Permissions::from_mode(0o666);
    for _ in 0..TRIES {
        let file = tempfile::Builder::new().prefix(PREFIX).permissions(readable.clone()).tempfile_in(directory)?;
        match file.as_file().try_lock() {
            Ok(()) if file.as_file().metadata()?.nlink() > 0 => return Ok(file),
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            // Where nothing can be locked, nothing is removed either.
            Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// Removes what killed processes left. What cannot be removed now stays for the next time.
fn remove_leftovers(directory: &Path) {
    for entry in fs_err::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let _ = remove_leftover(&entry.path());
        }
    }
}

/// Removes a file of ours, unless its process lives. One that has got its name in the meantime is not found any more.
fn remove_leftover(path: &Path) -> io::Result<()> {
    // In a directory that is open to everybody it may be anything.
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    let is_ours = metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw();
    match file.try_lock() {
        Ok(()) if is_ours => fs_err::remove_file(path),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_nobody_writes_any_more_goes_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs_err::write(at(".baler.new-dead"), "half").unwrap();
        fs_err::write(at("else"), "else").unwrap();
        std::os::unix::fs::symlink("else", at(".baler.new-link")).unwrap();
        let mut first = NewFile::begin(&at("first")).unwrap();
        let second = NewFile::begin(&at("second")).unwrap();
        assert!(!at(".baler.new-dead").exists());
        first.write_all(b"whole").unwrap();
        first.commit().unwrap();
        assert_eq!(fs_err::read(at("first")).unwrap(), b"whole");
        drop(second);
        assert_eq!(names(directory.path()), [".baler.new-link", "else", "first"]);
    }

    #[test]
    fn many_begin_at_the_same_time() {
        let directory = tempfile::tempdir().unwrap();
        let write = |number: usize| {
            for round in 0..50 {
                let mut file = NewFile::begin(&directory.path().join(format!("{number}-{round}"))).unwrap();
                file.write_all(b"whole").unwrap();
                file.commit().unwrap();
            }
        };
        std::thread::scope(|scope| {
            for number in 0..4 {
                scope.spawn(move || write(number));
            }
        });
        assert_eq!(names(directory.path()).len(), 200);
    }
}
