//! What the fuzz targets and the test over their corpus both call. No part of the interface of this crate.
//!
//! Each function takes bytes from anywhere and panics where something is wrong; that bytes are refused is right.

mod whiteouts;
mod writer;

use std::io::Read as _;
use std::path::Path;

use baler_image::Digest;

pub use whiteouts::stack_layers;
pub use writer::write_tar;

use crate::apply::zstd::Frames;
use crate::apply::{ApplyOptions, Compression, Owners, apply};
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

/// Reads Zstandard, and packs the bytes and reads them back.
pub fn read_zstd(bytes: &[u8]) {
    const MAXIMUM: u64 = 1 << 24;
    let mut found = Vec::new();
    let _ = Frames::new(bytes).take(MAXIMUM).read_to_end(&mut found);
    // Two frames with one to be skipped in between, read with small steps.
    let pack = |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    let (start, end) = bytes.split_at(bytes.len() / 2);
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let packed = [&pack(start)[..], &skipped, &pack(end)].concat();
    let mut frames = Frames::new(packed.as_slice());
    let mut unpacked = Vec::new();
    let mut step = [0; 100];
    loop {
        match frames.read(&mut step).expect("what was packed can be read") {
            0 => break,
            count => unpacked.extend_from_slice(&step[..count]),
        }
    }
    assert!(unpacked == bytes, "what was packed comes back");
}

/// What a fuzz target makes its input of.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// The next byte; 0 at the end.
    fn next(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn number(&mut self) -> u64 {
        self.take(8).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// As many as there are, up to `count`.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Applies a layer to the directory `root` in the empty directory `scratch`, and looks whether anything is beside it.
pub fn apply_layer(bytes: &[u8], scratch: &Path) {
    let options = ApplyOptions { maximum_entries: 10_000, maximum_bytes: 1 << 26, ..ApplyOptions::new(Owners::Record) };
    let root = scratch.join("root");
    fs_err::create_dir(&root).expect("the scratch directory is empty");
    if let Ok(applied) = apply(bytes, &root, &options) {
        let is_plain = Compression::of(bytes) == Compression::None;
        assert!(!is_plain || applied.diff_id == Digest::of(bytes), "the digest is that of the bytes");
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
