//! The clock that stamps a file system's files: read from a new file on it, as no other clock is sure to agree.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, fstat, open};
use rustix::io::Errno;

use super::StatManifestError;
use super::scan::Time;

/// The tick of the slowest clock in use is 10 ms; twenty of them are enough of waiting.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(2);

/// The time on the file system that `root` lies on.
pub(super) fn read(root: &Path) -> Result<Time, StatManifestError> {
    let directory = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stamp = || -> io::Result<Time> {
        let file = nameless_file(directory)?;
        Ok(Time::of_change(&fstat(&file)?))
    };
    stamp().map_err(|source| StatManifestError::Clock { path: root.to_owned(), source })
}

fn nameless_file(directory: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match open(directory, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(file),
        // Not every file system has nameless files.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(tempfile::tempfile_in(directory)?.into()),
        Err(error) => Err(error.into()),
    }
}

/// Waits for the clock to pass `time`; false where it does not, as with times in the future.
pub(super) fn wait_until_after(root: &Path, time: Time) -> Result<bool, StatManifestError> {
    for _ in 0..TRIES {
        if read(root)? > time {
            return Ok(true);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(false)
}
