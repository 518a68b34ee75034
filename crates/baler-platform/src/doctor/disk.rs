//! The store: where it is, how large, and how much room is left.

use std::path::Path;

use super::{Finding, Patient};

const CHECK: &str = "store";
/// Below this an ordinary builder does not fit.
const LITTLE: u64 = 2_000_000_000;
/// Below this nothing fits.
const NOTHING: u64 = 50_000_000;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let Some(store) = patient.store else { return Vec::new() };
    let root = store.root();
    let available = rustix::fs::statvfs(root).map_or(0, |state| state.f_bavail.saturating_mul(state.f_frsize));
    vec![judge(root, blobs(root), available)]
}

/// Bytes of all blobs; walking the unpacked layers would take long.
fn blobs(root: &Path) -> u64 {
    let entries = fs_err::read_dir(root.join("blobs/sha256")).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn judge(root: &Path, blobs: u64, available: u64) -> Finding {
    let megabytes = |bytes: u64| bytes / 1_000_000;
    let text = format!("{} has {} MB of blobs; {} MB are free", root.display(), megabytes(blobs), megabytes(available));
    let remedy = "remove images with `baler rm`, or set BALER_HOME to a place with more room";
    if available < NOTHING {
        Finding::problem(CHECK, text, Some(remedy.to_owned()))
    } else if available < LITTLE {
        Finding::warning(CHECK, text, remedy)
    } else {
        Finding::ok(CHECK, text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn room_is_judged() {
        let level = |available| judge(Path::new("/store"), 0, available).level;
        assert_eq!([level(0), level(NOTHING), level(LITTLE)], [Level::Problem, Level::Warning, Level::Ok]);
    }
}
