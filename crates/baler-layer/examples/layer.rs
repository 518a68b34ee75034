//! Makes and applies layers by hand: for measuring, and for looking at what other programs make of them.
//!
//! ```text
//! layer export DIRECTORY FILE [THREADS]    the directory as a compressed layer
//! layer hash DIRECTORY                     only its diffID
//! layer apply FILE DIRECTORY               a layer as a lower directory of an overlay
//! layer manifest DIRECTORY FILE            its stat manifest
//! layer compare DIRECTORY FILE             whether it still is so
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use baler_layer::apply::{ApplyOptions, Owners, apply};
use baler_layer::directory::DirectoryLayer;
use baler_layer::sink::{compress, hash_only};
use baler_layer::stat_manifest::StatManifest;
use baler_layer::tar::{Owner, TarError};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["export", root, file, threads @ ..] => {
            let threads =
                threads.first().map_or_else(|| available_parallelism().unwrap(), |text| text.parse().unwrap());
            export(root.into(), Path::new(file), threads);
        }
        ["hash", root] => println!("{:?}", hash_only(|tar| layer(root.into()).write(tar)).unwrap()),
        ["apply", file, target] => {
            fs_err::create_dir_all(target).unwrap();
            let file = fs_err::File::open(file).unwrap();
            let applied = apply(file, Path::new(target), &ApplyOptions::new(Owners::Record)).unwrap();
            println!("{} entries, {} bytes, diffID {}", applied.entries, applied.bytes, applied.diff_id);
        }
        ["manifest", root, file] => StatManifest::take(Path::new(root)).unwrap().write_to(Path::new(file)).unwrap(),
        ["compare", root, file] => {
            let manifest = StatManifest::read_from(Path::new(file)).unwrap();
            println!("{:?}", manifest.compare(Path::new(root)).unwrap());
        }
        _ => println!("usage: layer export|hash|apply|manifest|compare …"),
    }
}

fn export(root: PathBuf, file: &Path, threads: NonZeroUsize) {
    let mut output = fs_err::File::create(file).unwrap();
    let compressed = compress::<TarError, _>(threads, &mut output, |tar| layer(root).write(tar)).unwrap();
    println!("{compressed:?}");
}

fn layer(root: PathBuf) -> DirectoryLayer {
    let path_in_image = PathBuf::from("/layers/buildpack/layer");
    let owner = Owner::new(1000, 1000);
    let ancestors = DirectoryLayer::ancestors_of(&path_in_image, 0o755, owner);
    DirectoryLayer { root, path_in_image, mode: None, owner, ancestors }
}
