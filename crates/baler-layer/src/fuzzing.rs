//! What the fuzz targets and the test over their corpus both call. No part of the interface of this crate.
//!
//! Each function takes bytes from anywhere and panics where something is wrong; that bytes are refused is right.

use std::path::Path;

use baler_image::Digest;

use crate::apply::{ApplyOptions, Owners, apply};
use crate::tar::TarReader;

/// Reads a tar to its end.
pub fn read_tar(bytes: &[u8]) {
    let mut reader = TarReader::new(bytes, 1 << 30);
    while let Ok(Some(entry)) = reader.next_entry() {
        let mut size = 0;
        while let Ok(content) = reader.content() {
            let count = content.len();
            if count == 0 {
                break;
            }
            size += count as u64;
            reader.consume(count);
        }
        assert!(size <= entry.size.max(bytes.len() as u64), "no more content than there is");
    }
}

/// Applies a layer to the directory `root` in the empty directory `scratch`, and looks whether anything is beside it.
pub fn apply_layer(bytes: &[u8], scratch: &Path) {
    let options = ApplyOptions { maximum_entries: 10_000, maximum_bytes: 1 << 26, ..ApplyOptions::new(Owners::Record) };
    let root = scratch.join("root");
    fs_err::create_dir(&root).expect("the scratch directory is empty");
    if let Ok(applied) = apply(bytes, &root, &options) {
        let is_gzip = bytes.starts_with(&[0x1f, 0x8b]);
        assert!(is_gzip || applied.diff_id == Digest::of(bytes), "the digest is that of the bytes");
    }
    let beside = fs_err::read_dir(scratch).expect("the scratch directory is readable").count();
    assert_eq!(beside, 1, "nothing is made outside the target");
}

/// Matches the first line of `bytes`, as a pattern, with the rest.
pub fn match_glob(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (pattern, name) = bytes.split_at(end);
    let name = name.get(1..).unwrap_or_default();
    let matches = crate::glob::matches(pattern, name) == Ok(true);
    let slashes = |bytes: &[u8]| bytes.split(|byte| *byte == b'/').count();
    let has_class = pattern.contains(&b'[');
    assert!(!matches || has_class || slashes(pattern) == slashes(name), "only a slash or a class matches a slash");
}
