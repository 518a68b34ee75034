//! That a tree is known to be what its record says, while it waits in the cache for the next build.
//!
//! Every process of a build has ended before its tree is compared with the record, and nobody else writes to what the
//! store keeps. So its files need not be looked at again, where nothing but a rename comes between: they are looked at
//! after the next build. A file that had not reached the disk when the power failed may have lost its content, so the
//! mark counts only as long as the machine runs; where that cannot be told there is none.

use std::path::Path;

/// The file, beside the record.
const MARK: &str = "untouched";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Marks the workspace in `directory`. Without the mark the next build looks at more, and that is all.
pub(super) fn put(directory: &Path) {
    if let Some(boot) = boot() {
        let _ = fs_err::write(directory.join(MARK), boot);
    }
}

/// Takes the mark away, since what comes now may change the tree; whether it was there, and counts.
pub(super) fn take(directory: &Path) -> bool {
    let place = directory.join(MARK);
    let marked = fs_err::read_to_string(&place).ok();
    let is_gone = marked.is_some() && fs_err::remove_file(&place).is_ok();
    is_gone && boot().is_some_and(|boot| marked == Some(boot))
}

/// The boot that the machine is in.
fn boot() -> Option<String> {
    fs_err::read_to_string(BOOT_ID).ok().filter(|boot| !boot.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_counts_once_and_in_its_boot() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!take(directory.path()));
        put(directory.path());
        assert_eq!(take(directory.path()), boot().is_some());
        assert!(!take(directory.path()));
        fs_err::write(directory.path().join(MARK), "another boot").unwrap();
        assert!(!take(directory.path()));
        assert!(!directory.path().join(MARK).exists());
    }
}
