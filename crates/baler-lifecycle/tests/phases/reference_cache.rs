//! A cache directory as the reference lifecycle left it: read, used, and what is written then compared with what the
//! reference wrote in its next build.
//!
//! The metadata is as it was recorded. Of the tars the names were, which are their digests: they are made here, by the
//! rules and not by what this project writes tars with.

use std::path::{Path, PathBuf};

use baler_image::Digest;
use baler_lifecycle::cache::{Cache as _, VolumeCache};
use serde_json::Value;

use crate::support::{Lines, Machine, make_directory, write};

const METADATA: &str = "io.buildpacks.lifecycle.cache.metadata";

fn recorded(step: &str) -> PathBuf {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/scenarios/10-layer-flags");
    scenario.join("expected").join(step).join("cache")
}

fn recorded_metadata(step: &str) -> Value {
    serde_json::from_str(&fs_err::read_to_string(recorded(step).join("metadata.json")).unwrap()).unwrap()
}

/// The names of the tars, in order.
fn recorded_names(step: &str) -> Vec<String> {
    let text = fs_err::read_to_string(recorded(step).join("files.txt")).unwrap();
    text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// An entry of a tar as Go writes it: USTAR, owned by 1000:1000, of 1980.
fn entry(tar: &mut Vec<u8>, name: &str, mode: u32, kind: u8, content: &[u8]) {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, &format!("{mode:07o}"));
    put(108, &format!("{:07o}", 1000));
    put(116, &format!("{:07o}", 1000));
    put(124, &format!("{:011o}", content.len()));
    put(136, &format!("{:011o}", 315_532_801));
    put(148, "        ");
    put(257, "ustar\x0000");
    put(329, "0000000");
    put(337, "0000000");
    header[156] = kind;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend_from_slice(&header);
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

fn layer(name: &str) -> Vec<u8> {
    let mut tar = Vec::new();
    for directory in ["/layers", "/layers/test_layers", &format!("/layers/test_layers/{name}")] {
        entry(&mut tar, directory, 0o755, b'5', b"");
    }
    let data = format!("one-{name}");
    entry(&mut tar, &format!("/layers/test_layers/{name}/data"), 0o644, b'0', data.as_bytes());
    tar.resize(tar.len() + 1024, 0);
    tar
}

#[test]
fn a_cache_of_the_reference_is_used_and_stays_what_it_would_make_of_it() {
    // From this API on layers come from the cache where there is no previous image.
    let mut machine = Machine::new(&["test/layers"]);
    machine.platform_api = "0.14";
    machine.group[0].version = "1.2.3".to_owned();
    let directory = machine.scratch.path().join("volume");
    let metadata = recorded_metadata("first");
    write(&directory, &format!("committed/{METADATA}"), &metadata.to_string());
    let names = ["bc", "blc", "c", "lc"];
    let mut tars = Vec::new();
    for name in names {
        let tar = layer(name);
        let digest = Digest::of(&tar);
        assert_eq!(metadata["buildpacks"][0]["layers"][name]["sha"], digest.to_string(), "{name}");
        fs_err::write(directory.join(format!("committed/{digest}.tar")), tar).unwrap();
        tars.push(format!("{digest}.tar"));
    }
    tars.sort();
    assert_eq!(tars, recorded_names("first"));
    // As its restorer leaves them behind.
    make_directory(&directory.join("staging"));

    // Twice: as it was, and then with what was written beside it.
    for round in 1..=2 {
        let (log, build, cache) = (Lines::default(), machine.build(), VolumeCache::open(&directory).unwrap());
        let analysis = machine.analyze(&build, &log);
        let restoration = machine.restore(&build, analysis.metadata(), Some(&cache), &log);
        assert_eq!(restoration.layers().len(), 4);
        cache.hand_over(&restoration).unwrap();
        for name in names {
            let layers = build.layers.host.join("test_layers");
            assert_eq!(fs_err::read_to_string(layers.join(name).join("data")).unwrap(), format!("one-{name}"));
            let toml = fs_err::read_to_string(layers.join(format!("{name}.toml"))).unwrap();
            assert_eq!(toml, "[metadata]\nmade = \"one\"\n");
            let flag = |letter, flag| if name.contains(letter) { format!("{flag} = true\n") } else { String::new() };
            let flags = [flag('b', "build"), flag('l', "launch"), flag('c', "cache")].concat();
            write(&layers, &format!("{name}.toml"), &format!("[types]\n{flags}{toml}"));
        }
        build.hello();
        let cache = VolumeCache::open(&directory).unwrap();
        let exported = machine.export(&build, &analysis, &cache.handed_over(), Some(&cache), &log).unwrap();
        // How the reference made its tars is not known until they have been made again.
        assert!(exported.cached.iter().all(|layer| layer.was_read == (round == 1)), "{round}");
        let written = fs_err::read_to_string(directory.join("committed").join(METADATA)).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), recorded_metadata("reuse"));
        let entries = fs_err::read_dir(directory.join("committed")).unwrap();
        let mut found: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        found.sort();
        let mut expected = recorded_names("reuse");
        expected.insert(0, METADATA.to_owned());
        assert_eq!(found, expected);
    }
}
