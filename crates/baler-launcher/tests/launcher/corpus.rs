//! The two readers of text that others wrote, over a corpus and over damaged copies of it: whatever the text is, they
//! give a value or an error. New findings of a fuzzer belong into `tests/corpus`.

use std::path::{Path, PathBuf};

use baler_cnb::api::PlatformApi;
use baler_cnb::environment::Environment;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::metadata::Metadata;
use baler_launcher::exec_d;
use fs_err as fs;

/// How many damaged copies are made of each file.
const COPIES: u64 = 200;

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// The same on every run: copy `seed` of `text` has a few bytes changed, removed or doubled.
fn damaged(text: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap()
    };
    let mut copy = text.to_vec();
    for _ in 0..=random(4) {
        let position = random(copy.len());
        match random(4) {
            _ if copy.is_empty() => {}
            0 => copy[position] = b"\"'[]{}=.,#\\\n\0\xff"[random(14)],
            1 => copy[position] ^= 1 << random(8),
            2 => drop(copy.remove(position)),
            _ => copy.extend_from_within(position..),
        }
    }
    copy
}

fn read_metadata(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match Metadata::from_toml(text) {
        Ok(metadata) => {
            let written = metadata.to_toml(PlatformFeatures::for_api(PlatformApi::LATEST));
            assert_eq!(Metadata::from_toml(&written).unwrap(), metadata, "{text}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn read_output(bytes: &[u8]) {
    if let Err(error) = exec_d::apply(bytes, &mut Environment::new()) {
        assert!(!error.to_string().is_empty());
    }
}

fn read_all(name: &str, read: fn(&[u8])) {
    for (path, text) in corpus(name) {
        println!("{}", path.display());
        read(&text);
        for seed in 0..COPIES {
            read(&damaged(&text, seed));
        }
    }
}

#[test]
fn metadata_is_read_or_refused() {
    read_all("metadata", read_metadata);
}

#[test]
fn exec_d_output_is_read_or_refused() {
    read_all("exec_d", read_output);
}

#[test]
fn the_corpus_has_both_kinds() {
    let is_read = |(_, text): &(PathBuf, Vec<u8>)| Metadata::from_toml(str::from_utf8(text).unwrap()).is_ok();
    let (read, refused): (Vec<_>, Vec<_>) = corpus("metadata").into_iter().partition(is_read);
    assert!(read.len() >= 5 && refused.len() >= 4, "{} and {}", read.len(), refused.len());
}
