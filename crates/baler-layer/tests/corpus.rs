//! The corpus of the fuzz targets, replayed; and layers of random entries, none of which may lead outside.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, reason = "a test may panic and print")]

mod fixture;

use std::path::{Path, PathBuf};

use baler_layer::fuzzing::{apply_layer, match_glob, read_tar, read_zstd, stack_layers, write_tar};
use baler_layer::tar::{Attributes, Owner, SpecialFile, TarWriter};
use fixture::Fixture;
use proptest::prelude::*;

fn replay(target: &str, run: impl Fn(&[u8])) {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs_err::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        run(&fs_err::read(path).unwrap());
        count += 1;
    }
    assert!(count > 5, "the corpus is there");
}

fn apply_somewhere(bytes: &[u8]) {
    let fixture = Fixture::new();
    apply_layer(bytes, fixture.path());
}

#[test]
fn the_corpus_of_apply() {
    replay("apply", apply_somewhere);
}

#[test]
fn the_corpus_of_tar() {
    replay("tar", read_tar);
}

#[test]
fn the_corpus_of_writer() {
    replay("writer", write_tar);
}

#[test]
fn the_corpus_of_zstd() {
    replay("zstd", read_zstd);
}

fn stack_somewhere(bytes: &[u8]) {
    let fixture = Fixture::new();
    stack_layers(bytes, fixture.path());
}

#[test]
fn the_corpus_of_whiteouts() {
    replay("whiteouts", stack_somewhere);
}

#[test]
fn the_corpus_of_glob() {
    replay("glob", match_glob);
}

/// Few names, so that entries meet.
fn names() -> impl Strategy<Value = PathBuf> {
    let part = prop::sample::select(vec!["a", "b", "c", ".", ".wh.a", ".wh.b", ".wh..wh..opq", "..", ""]);
    prop::collection::vec(part, 1..4).prop_map(|parts| PathBuf::from(parts.join("/")))
}

fn targets() -> impl Strategy<Value = PathBuf> {
    let part = prop::sample::select(vec!["a", "b", "c", ".", "..", "", "../.."]);
    prop::collection::vec(part, 1..4).prop_map(|parts| PathBuf::from(parts.join("/")))
}

fn add(tar: &mut TarWriter<Vec<u8>>, kind: u8, name: &Path, target: &Path, mode: u32) {
    let attributes = Attributes::new(mode, Owner::new(mode % 3, mode % 2));
    let result = match kind {
        0 => tar.directory(name, &attributes),
        1 => tar.symlink(name, target, &attributes),
        2 => tar.hard_link(name, target, &attributes),
        3 => tar.special(name, SpecialFile::Fifo, &attributes),
        _ => tar.file_of_bytes(name, &attributes, b"content"),
    };
    result.unwrap();
}

proptest! {
    #[test]
    fn stacked_layers_are_those_of_the_model(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
        stack_somewhere(&bytes);
    }

    #[test]
    fn entries_come_back(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        write_tar(&bytes);
    }

    #[test]
    fn packed_bytes_come_back(bytes in prop::collection::vec(0..4u8, 0..3000)) {
        read_zstd(&bytes);
    }

    #[test]
    fn no_layer_leads_outside(
        entries in prop::collection::vec((0u8..6, names(), targets(), 0u32..0o10000), 1..12),
    ) {
        let mut tar = TarWriter::new(Vec::new());
        for (kind, name, target, mode) in &entries {
            add(&mut tar, *kind, name, target, *mode);
        }
        apply_somewhere(&tar.finish().unwrap());
    }
}
