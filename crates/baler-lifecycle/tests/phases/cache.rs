//! Restore and export across builds.

use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use baler_image::{Digest, Place};
use baler_lifecycle::analyze::Analysis;
use baler_lifecycle::cache::{Cache as _, TreeCache};
use baler_lifecycle::export::{Exported, LayerOutcome};
use baler_lifecycle::mounted::Owner;
use baler_lifecycle::restore::{Restoration, RestoredLayer};

use crate::place::Memory;
use crate::support::{Build, Lines, Machine, make_directory, set_mode, write};

const NAMES: [&str; 7] = ["b", "bc", "bl", "blc", "c", "l", "lc"];
const BLC: &str = "sha256:81fbdd53c395b6acee1da73c2af5682a2bf4bfca3850532887354cd262655e36";
const LC: &str = "sha256:ef86b2312157659c95d6855fec959813d6e8a450867391195707aaebdfa4e74a";

/// What a build found and what came of it.
struct Built {
    build: Build,
    analysis: Analysis,
    restoration: Restoration,
    exported: Exported,
    lines: Vec<String>,
}

/// A buildpack with a layer for each combination of flags. `work` is its `bin/build`.
fn run(machine: &Machine, work: impl FnOnce(&Path)) -> Built {
    let (log, build, cache) = (Lines::default(), machine.build(), machine.cache());
    let analysis = machine.analyze(&build, &log);
    let restoration = machine.restore(&build, analysis.metadata(), Some(&cache), &log);
    work(&build.layers.host.join("test_layers"));
    build.hello();
    let exported = machine.export(&build, &analysis, &restoration, Some(&cache), &log).unwrap();
    Built { build, analysis, restoration, exported, lines: log.take() }
}

fn machine() -> Machine {
    Machine::new(&["test/layers"])
}

fn flags(name: &str) -> String {
    let flag = |letter, flag| if name.contains(letter) { format!("{flag} = true\n") } else { String::new() };
    [flag('b', "build"), flag('l', "launch"), flag('c', "cache")].concat()
}

fn make(layers: &Path, name: &str) {
    write(layers, &format!("{name}/data"), &format!("one-{name}"));
    write(layers, &format!("{name}.toml"), &format!("[types]\n{}[metadata]\nmade = \"one\"\n", flags(name)));
}

fn make_all(layers: &Path) {
    for name in NAMES {
        make(layers, name);
    }
}

/// Says again what restored layers are for, and makes those that were not restored.
fn keep_all(layers: &Path) {
    for name in NAMES {
        if layers.join(format!("{name}.toml")).exists() {
            write(layers, &format!("{name}.toml"), &format!("[types]\n{}[metadata]\nmade = \"one\"\n", flags(name)));
        } else {
            make(layers, name);
        }
    }
}

fn listing(layers: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs_err::read_dir(layers).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn with(lines: &[String], text: &str) -> Vec<String> {
    lines.iter().filter(|line| line.contains(text)).cloned().collect()
}

#[test]
fn the_next_build_gets_what_flags_say() {
    let machine = machine();
    let first = run(&machine, make_all);
    assert_eq!(with(&first.lines, "Layer cache not found").len(), 2);
    let cached: Vec<_> = first.exported.cached.iter().map(|layer| layer.what.as_str()).collect();
    assert_eq!(cached, ["test/layers:bc", "test/layers:blc", "test/layers:c", "test/layers:lc"]);

    let mut seen = Vec::new();
    let second = run(&machine, |layers| {
        seen = listing(layers);
        assert_eq!(fs_err::read_to_string(layers.join("l.toml")).unwrap(), "[metadata]\nmade = \"one\"\n");
        assert_eq!(fs_err::read_to_string(layers.join("bc/data")).unwrap(), "one-bc");
        keep_all(layers);
    });
    assert_eq!(seen, ["bc", "bc.toml", "blc", "blc.toml", "c", "c.toml", "l.toml", "lc", "lc.toml"]);
    assert_eq!(first.exported.image.digest(), second.exported.image.digest());
    let expected = [
        "Restoring metadata for \"test/layers:blc\" from app image",
        "Restoring metadata for \"test/layers:l\" from app image",
        "Restoring metadata for \"test/layers:lc\" from app image",
        "Restoring metadata for \"test/layers:bc\" from cache",
        "Restoring metadata for \"test/layers:c\" from cache",
        "Restoring data for \"test/layers:bc\" from cache",
        "Restoring data for \"test/layers:blc\" from cache",
        "Restoring data for \"test/layers:c\" from cache",
        "Restoring data for \"test/layers:lc\" from cache",
        "Restoring data for SBOM from previous image",
    ];
    let mut restoring = with(&second.lines, "Restoring");
    restoring.rotate_left(1);
    assert_eq!(restoring, expected);
    assert_eq!(with(&second.lines, "Reusing cache layer").len(), 4);
    assert_eq!(with(&second.lines, "Adding"), with(&second.lines, "Adding label"));
}

#[test]
fn what_was_not_touched_is_not_read() {
    let machine = machine();
    run(&machine, make_all);
    let second = run(&machine, keep_all);
    assert!(second.restoration.layers().values().all(RestoredLayer::is_kept_tree));
    assert_eq!(second.restoration.layers().len(), 4);
    let read: Vec<_> =
        second.exported.layers.iter().filter(|layer| layer.was_read).map(|layer| layer.what.as_str()).collect();
    // `bl` is never restored; `l` has no contents; those of the lifecycle are small.
    assert!(!read.contains(&"test/layers:blc") && !read.contains(&"test/layers:lc"), "{read:?}");
    assert!(second.exported.cached.iter().all(|layer| !layer.was_read && layer.outcome == LayerOutcome::Reused));
    assert_eq!(second.exported.cached[1].diff_id.to_string(), BLC);
    assert_eq!(second.exported.cached[3].diff_id.to_string(), LC);
    let third = run(&machine, keep_all);
    assert!(third.restoration.layers().values().all(RestoredLayer::is_kept_tree));
    assert_eq!(third.exported.image.digest(), second.exported.image.digest());
}

#[test]
fn the_tree_itself_goes_to_and_fro() {
    let machine = machine();
    let mut inodes = Vec::new();
    for _ in 0..3 {
        run(&machine, |layers| {
            keep_all(layers);
            inodes.push(fs_err::metadata(layers.join("blc/data")).unwrap().ino());
        });
    }
    assert_eq!(inodes[0], inodes[1]);
    assert_eq!(inodes[0], inodes[2]);
}

#[test]
fn a_change_is_exported_and_cached() {
    let machine = machine();
    let first = run(&machine, make_all);
    let second = run(&machine, |layers| {
        keep_all(layers);
        // Same size, so that only times tell.
        fs_err::write(layers.join("blc/data"), "two-blc").unwrap();
    });
    assert_ne!(first.exported.image.digest(), second.exported.image.digest());
    assert_eq!(with(&second.lines, "Adding cache layer"), ["Adding cache layer 'test/layers:blc'"]);
    assert_eq!(with(&second.lines, "Adding layer 'test"), ["Adding layer 'test/layers:blc'"]);
    let third = run(&machine, |layers| {
        assert_eq!(fs_err::read_to_string(layers.join("blc/data")).unwrap(), "two-blc");
        keep_all(layers);
    });
    assert_eq!(third.exported.image.digest(), second.exported.image.digest());
    assert!(third.restoration.layers().values().all(RestoredLayer::is_kept_tree));
}

#[test]
fn a_build_that_fails_does_not_lose_the_cache() {
    let machine = machine();
    let first = run(&machine, make_all);
    for gives_back in [false, true] {
        let (log, build, cache) = (Lines::default(), machine.build(), machine.cache());
        let analysis = machine.analyze(&build, &log);
        let restoration = machine.restore(&build, analysis.metadata(), Some(&cache), &log);
        fs_err::write(build.layers.host.join("test_layers/blc/data"), "spoiled").unwrap();
        if gives_back {
            restoration.give_back(&cache, &build.layers).unwrap();
        }
        drop(build);
        let next = run(&machine, |layers| {
            assert_eq!(fs_err::read_to_string(layers.join("blc/data")).unwrap(), "one-blc");
            keep_all(layers);
        });
        let kept = |name: &str| {
            let mut layers = next.restoration.layers().iter();
            layers.find(|(id, _)| id.layer == name).unwrap().1.is_kept_tree()
        };
        assert_eq!((kept("blc"), kept("lc")), (false, gives_back));
        assert_eq!(next.exported.image.digest(), first.exported.image.digest());
        assert!(next.exported.cached.iter().all(|layer| !layer.was_read));
    }
}

#[test]
fn of_two_builds_at_once_one_gets_the_tree() {
    let machine = machine();
    run(&machine, make_all);
    let log = Lines::default();
    let (one, other) = (machine.build(), machine.build());
    let (cache_of_one, cache_of_other) = (machine.cache(), machine.cache());
    let analysis = machine.analyze(&one, &log);
    let first = machine.restore(&one, analysis.metadata(), Some(&cache_of_one), &log);
    let second = machine.restore(&other, analysis.metadata(), Some(&cache_of_other), &log);
    assert!(first.layers().values().all(RestoredLayer::is_kept_tree));
    assert!(second.layers().values().all(|layer| !layer.is_kept_tree()));
    let mut digests = Vec::new();
    for (build, restoration, cache) in [(&one, &first, &cache_of_one), (&other, &second, &cache_of_other)] {
        assert_eq!(fs_err::read_to_string(build.layers.host.join("test_layers/c/data")).unwrap(), "one-c");
        keep_all(&build.layers.host.join("test_layers"));
        build.hello();
        let exported = machine.export(build, &analysis, restoration, Some(cache), &log).unwrap();
        digests.push(exported.image.digest().clone());
    }
    assert_eq!(digests[0], digests[1]);
    let third = run(&machine, keep_all);
    assert!(third.restoration.layers().values().all(RestoredLayer::is_kept_tree));
}

#[test]
fn without_its_blob_a_layer_comes_back_not_at_all() {
    let machine = machine();
    run(&machine, make_all);
    let log = Lines::default();
    let cache = machine.cache();
    // A failed build took the trees; then the blob of one layer is lost.
    let lost = machine.build();
    let analysis = machine.analyze(&lost, &log);
    machine.restore(&lost, analysis.metadata(), Some(&cache), &log);
    drop(lost);
    let records = fs_err::read_to_string(machine.cache_directory().join("blobs.json")).unwrap();
    let records: serde_json::Value = serde_json::from_str(&records).unwrap();
    let digest: Digest = records["blobs"][BLC]["digest"].as_str().unwrap().parse().unwrap();
    machine.store.remove(&digest);
    log.take();

    let build = machine.build();
    let restoration = machine.restore(&build, analysis.metadata(), Some(&cache), &log);
    assert_eq!(
        listing(&build.layers.host.join("test_layers")),
        ["bc", "bc.toml", "c", "c.toml", "l.toml", "lc", "lc.toml"]
    );
    assert_eq!(restoration.layers().len(), 3);
    let warnings = with(&log.take(), "Warning: Skipping restore for layer test/layers:blc: ");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn metadata_that_is_no_json_is_an_empty_cache() {
    let machine = machine();
    run(&machine, make_all);
    fs_err::write(machine.cache_directory().join("metadata.json"), b"{\xff").unwrap();
    let second = run(&machine, keep_all);
    assert!(second.restoration.layers().is_empty());
    assert_eq!(with(&second.lines, "Restoring metadata"), ["Restoring metadata for \"test/layers:l\" from app image"]);
    assert_eq!(second.exported.cached.len(), 4);
}

#[test]
fn layers_that_are_gone_leave_the_cache() {
    let machine = machine();
    run(&machine, make_all);
    run(&machine, |layers| {
        for name in NAMES.iter().filter(|name| name.contains('l')) {
            fs_err::remove_dir_all(layers.join(name)).ok();
            fs_err::remove_file(layers.join(format!("{name}.toml"))).ok();
        }
        for name in ["bc", "c"] {
            make(layers, name);
        }
    });
    let cache = machine.cache_directory();
    assert_eq!(listing(&cache.join("trees/test_layers")), ["bc", "c"]);
    assert_eq!(listing(&cache.join("manifests")).len(), 2);
    let roots = fs_err::read_to_string(cache.join("roots")).unwrap();
    let roots: Vec<Digest> = roots.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(roots.len(), 2);
    assert!(roots.iter().all(|digest| machine.store.digests().contains(digest)));
    TreeCache::clear(&cache).unwrap();
    assert_eq!(listing(&cache), ["lock"]);
    assert!(!machine.cache().exists());
}

#[test]
fn read_only_directories_and_odd_modes_survive_both_ways() {
    let machine = machine();
    let odd = |layers: &Path| {
        make(layers, "lc");
        make_directory(&layers.join("lc/module/deep"));
        write(layers, "lc/module/deep/file", "x");
        write(layers, "lc/program", "x");
        write(layers, "lc/.wh.name", "x");
        symlink("program", layers.join("lc/link")).unwrap();
        set_mode(&layers.join("lc/program"), 0o4755);
        set_mode(&layers.join("lc/module/deep/file"), 0o444);
        for directory in ["lc/module/deep", "lc/module", "lc"] {
            set_mode(&layers.join(directory), 0o555);
        }
    };
    let first = run(&machine, odd);
    let toml = "[types]\nlaunch = true\ncache = true\n[metadata]\nmade = \"one\"\n";
    let second = run(&machine, |layers| write(layers, "lc.toml", toml));
    assert_eq!(first.exported.image.digest(), second.exported.image.digest());
    assert!(second.restoration.layers().values().all(RestoredLayer::is_kept_tree));
    // The tree is lost: the blob gives the same.
    let trees = machine.cache_directory().join("trees/test_layers/lc");
    set_mode(&trees, 0o755);
    write(&trees, "program", "y");
    let third = run(&machine, |layers| {
        write(layers, "lc.toml", toml);
        assert_eq!(fs_err::metadata(layers.join("lc")).unwrap().mode() & 0o7777, 0o555);
        assert_eq!(fs_err::metadata(layers.join("lc/program")).unwrap().mode() & 0o7777, 0o4755);
        // Changes the tree, so that it is read again.
        set_mode(&layers.join("lc"), 0o755);
        write(layers, "lc/new", "");
        fs_err::remove_file(layers.join("lc/new")).unwrap();
        set_mode(&layers.join("lc"), 0o555);
    });
    let layer = &third.exported.layers[0];
    assert_eq!((layer.what.as_str(), layer.was_read, layer.outcome), ("test/layers:lc", true, LayerOutcome::Reused));
    assert!(third.restoration.layers().values().all(|layer| !layer.is_kept_tree()));
}

#[test]
fn sbom_files_come_back_beside_their_layers() {
    let machine = machine();
    let with_sbom = |build: &Build| {
        build.layers(&[
            ("sbom/launch/test_layers/lc/sbom.cdx.json", "launch"),
            ("sbom/launch/test_layers/sbom.cdx.json", "whole buildpack"),
            ("sbom/cache/test_layers/c/sbom.syft.json", "cache"),
        ]);
    };
    let (log, build, cache) = (Lines::default(), machine.build(), machine.cache());
    let analysis = machine.analyze(&build, &log);
    make_all(&build.layers.host.join("test_layers"));
    build.hello();
    with_sbom(&build);
    machine.export(&build, &analysis, &Restoration::default(), Some(&cache), &log).unwrap();
    assert_eq!(with(&log.take(), "cache.sbom"), ["Adding cache layer 'buildpacksio/lifecycle:cache.sbom'"]);

    let (next, cache) = (machine.build(), machine.cache());
    let analysis = machine.analyze(&next, &log);
    machine.restore(&next, analysis.metadata(), Some(&cache), &log);
    let layers = next.layers.host.join("test_layers");
    assert_eq!(fs_err::read_to_string(layers.join("lc.sbom.cdx.json")).unwrap(), "launch");
    assert_eq!(fs_err::read_to_string(layers.join("c.sbom.syft.json")).unwrap(), "cache");
    assert_eq!(listing(&next.layers.host), ["test_layers"]);
}

#[test]
fn a_layer_without_contents_cannot_be_cached() {
    let machine = machine();
    let built = run(&machine, |layers| write(layers, "c.toml", "[types]\ncache = true\n"));
    let warning = "Warning: Failed to cache layer 'test/layers:c' because it has no contents";
    assert_eq!(with(&built.lines, "Warning: Failed"), [warning]);
    assert!(built.exported.cached.is_empty());
    drop((built.build, built.analysis));
}

#[test]
fn what_root_restores_belongs_to_the_build_user() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIP: needs root, to give files away");
        return;
    }
    let mut machine = machine();
    run(&machine, make_all);
    // Neither the trees, which are root's, nor ids of headers are what this build can use.
    machine.user.host = Some(Owner::new(100_000, 100_001));
    let (log, build, cache) = (Lines::default(), machine.build(), machine.cache());
    let analysis = machine.analyze(&build, &log);
    machine.restore(&build, analysis.metadata(), Some(&cache), &log);
    let layers = build.layers.host.join("test_layers");
    for path in ["", "l.toml", "lc.toml", "lc", "lc/data"] {
        let metadata = fs_err::symlink_metadata(layers.join(path)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (100_000, 100_001), "{path}");
    }
}

#[test]
fn what_goes_elsewhere_is_cached_in_the_store() {
    let mut machine = machine();
    machine.sink = Some(Memory::layout("out"));
    let first = run(&machine, make_all);
    assert_eq!(first.exported.image.place(), &Place::Layout("out".into()));
    let in_layout = machine.sink.as_ref().unwrap().digests();
    let needed = first.exported.image.manifest().value.layers.iter().map(|layer| &layer.digest);
    assert!(needed.into_iter().all(|digest| in_layout.contains(digest)));
    let roots = fs_err::read_to_string(machine.cache_directory().join("roots")).unwrap();
    let in_store = machine.store.digests();
    assert!(roots.lines().all(|line| in_store.contains(&line.parse().unwrap())));

    // No previous image is known there, and nothing of the cached layers is read: their blobs are copied. Without a
    // previous image launch layers come back from Platform API 0.14 on.
    machine.platform_api = "0.14";
    machine.sink = Some(Memory::layout("other"));
    let second = run(&machine, keep_all);
    assert_eq!(second.exported.image.layers(), first.exported.image.layers());
    let layer = second.exported.layers.iter().find(|layer| layer.what == "test/layers:blc").unwrap();
    assert_eq!((layer.outcome, layer.was_read), (LayerOutcome::Added, false));
}
