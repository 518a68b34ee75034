//! Whether a tree is what its record says.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use super::record::{Pair, Record};
use super::state::State;
use super::tree::{below, is_same_directory};

/// Looks at each entry of `tree`, and at no file's content. What cannot be looked at is not what it was.
pub(super) fn is_as_recorded(tree: &Path, record: &Record, threads: NonZeroUsize) -> bool {
    let paths: Vec<&[u8]> = record.paths().collect();
    let (next, is_same) = (AtomicUsize::new(0), AtomicBool::new(true));
    let work = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !is_same.load(Ordering::Relaxed) {
                return;
            }
            if directory(tree, record, path).is_none() {
                is_same.store(false, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.get() {
            scope.spawn(work);
        }
        work();
    });
    is_same.into_inner()
}

/// Something if the directory and what is in it are as recorded. Those below have their own turn.
fn directory(tree: &Path, record: &Record, path: &[u8]) -> Option<()> {
    let recorded = record.directory(path)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(CWD, below(tree, path), flags, Mode::empty()).ok()?;
    let state = State::of(&rustix::fs::fstat(&directory).ok()?);
    // The same times: nothing was added, and nothing is gone.
    is_same_directory(path.is_empty(), recorded.pair.tree, state).then_some(())?;
    for (name, pair) in recorded.entries.iter().filter(|(_, pair)| *pair != Pair::default()) {
        let stat = rustix::fs::statat(&directory, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        (State::of(&stat) == pair.tree).then_some(())?;
    }
    Some(())
}
