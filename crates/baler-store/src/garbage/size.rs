//! How much room a tree takes.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes on the disk of `path` and all below it. What belongs to other ids and cannot be read counts nothing; a file with
/// several names counts once.
pub(super) fn on_disk(path: &Path) -> u64 {
    let mut linked = HashSet::new();
    let mut total = 0;
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let Ok(metadata) = fs_err::symlink_metadata(&path) else { continue };
        if metadata.is_dir() {
            let entries = fs_err::read_dir(&path).into_iter().flatten();
            waiting.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        } else if metadata.nlink() > 1 && !linked.insert((metadata.dev(), metadata.ino())) {
            continue;
        }
        // `stat` counts in units of 512 bytes, whatever the file system does.
        total += metadata.blocks() * 512;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_links_count_once() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name| directory.path().join(name);
        let empty = on_disk(directory.path());
        fs_err::write(at("one"), vec![1; 100_000]).unwrap();
        let one = on_disk(directory.path()) - empty;
        assert!((100_000..200_000).contains(&one), "{one}");
        fs_err::hard_link(at("one"), at("two")).unwrap();
        std::os::unix::fs::symlink("one", at("link")).unwrap();
        assert!(on_disk(directory.path()) - empty < 2 * one);
        assert_eq!(on_disk(&at("absent")), 0);
    }
}
