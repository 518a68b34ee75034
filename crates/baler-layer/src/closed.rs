//! Files and directories that their owner has closed to itself: opened for as long as they are read.
//!
//! Root reads them without asking. Their owner may give itself the right, and takes it away again, so that whoever
//! builds gets the same layer. Nobody else can, and gets the error that there was.

use std::fs::{File, Metadata};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, chmod, fstat, openat};
use rustix::io::Errno;
use rustix::process::geteuid;

/// What a directory needs to be listed, and its entries to be looked at.
const DIRECTORY: u32 = 0o500;
const FILE: u32 = 0o400;

/// A file or directory that is open to its owner until this is dropped.
pub(crate) struct Opened {
    handle: OwnedFd,
    mode: Mode,
}

impl Opened {
    /// Opens a directory to this user if it is the owner and has closed it. What cannot be opened is left as it is:
    /// reading it says what is wrong.
    pub(crate) fn directory(path: &Path, metadata: &Metadata) -> Option<Self> {
        let is_closed = metadata.mode() & DIRECTORY != DIRECTORY && metadata.uid() == geteuid().as_raw();
        if is_closed { Self::open(path, DIRECTORY).ok() } else { None }
    }

    /// Opens the directories between `root` and `root/relative`.
    pub(crate) fn directories_above(root: &Path, relative: &Path) -> Vec<Self> {
        let mut above: Vec<PathBuf> = relative.ancestors().skip(1).map(|above| root.join(above)).collect();
        above.reverse();
        let open = |path: PathBuf| Self::directory(&path, &std::fs::symlink_metadata(&path).ok()?);
        above.into_iter().filter_map(open).collect()
    }

    fn open(path: &Path, needed: u32) -> Result<Self, Errno> {
        let handle = openat(CWD, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let mode = Mode::from_raw_mode(fstat(&handle)?.st_mode);
        let opened = Self { handle, mode };
        chmod(opened.path(), mode | Mode::from_raw_mode(needed))?;
        Ok(opened)
    }

    /// This path leads to what was opened, whatever has its name by now.
    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.handle.as_raw_fd())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // Only who owns it gets here, and may set any mode.
        let _ = chmod(self.path(), self.mode);
    }
}

/// Opens a file for reading, without following links.
pub(crate) fn open_file(path: &Path) -> Result<File, Errno> {
    // Not blocking, should a fifo have taken the place of the file since it was looked at.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(CWD, path, flags | OFlags::NOFOLLOW, Mode::empty()) {
        Err(Errno::ACCESS) => {
            let opened = Opened::open(path, FILE).map_err(|_| Errno::ACCESS)?;
            Ok(openat(CWD, opened.path(), flags, Mode::empty())?.into())
        }
        other => Ok(other?.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_closed_is_closed_again() {
        let work = tempfile::tempdir().unwrap();
        let (directory, file) = (work.path().join("directory"), work.path().join("directory/file"));
        fs_err::create_dir(&directory).unwrap();
        fs_err::write(&file, "text").unwrap();
        let close = |path: &Path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
        close(&file);
        close(&directory);
        {
            let opened = Opened::directories_above(work.path(), Path::new("directory/file"));
            assert_eq!(opened.len(), 1);
            let mut text = String::new();
            open_file(&file).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "text");
            assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0);
        }
        assert_eq!(std::fs::metadata(&directory).unwrap().mode() & 0o777, 0);
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
    }
}
