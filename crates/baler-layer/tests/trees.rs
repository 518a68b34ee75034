//! Trees are compared without being read, and moved although they are read-only.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, reason = "a test may panic and print")]

mod fixture;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use baler_layer::move_tree::move_tree;
use baler_layer::stat_manifest::{Comparison, StatManifest, StatManifestError};
use fixture::Fixture;

fn tree() -> Fixture {
    let fixture = Fixture::new();
    fixture.file("a/one", b"1", 0o644);
    fixture.file("a/two", b"22", 0o600);
    fixture.symlink("a/link", "one");
    fixture.directory("b/empty", 0o755);
    fixture.file("b-b/three", b"333", 0o755);
    fixture
}

fn changed(fixture: &Fixture, manifest: &StatManifest) -> Option<PathBuf> {
    match manifest.compare(fixture.path()).unwrap() {
        Comparison::Unchanged => None,
        Comparison::Changed { path } => Some(path),
    }
}

#[test]
fn an_untouched_tree_is_unchanged_although_it_is_new() {
    for _ in 0..20 {
        let fixture = tree();
        let manifest = StatManifest::take(fixture.path()).unwrap();
        assert_eq!(manifest.entries(), 9);
        assert_eq!(changed(&fixture, &manifest), None);
    }
}

#[test]
fn every_change_is_noticed_at_once() {
    type Change = fn(&Fixture);
    let changes: [(Change, &str); 9] = [
        (|fixture| fs_err::write(fixture.at("a/one"), "2").unwrap(), "a/one"),
        (|fixture| fixture.mode("a/two", 0o640), "a/two"),
        (|fixture| fixture.file("a/three", b"", 0o644), "a"),
        (|fixture| fs_err::remove_file(fixture.at("b-b/three")).unwrap(), "b-b"),
        (|fixture| fs_err::rename(fixture.at("a/one"), fixture.at("a/zero")).unwrap(), "a"),
        (|fixture| fixture.mode("b/empty", 0o700), "b/empty"),
        (|fixture| fixture.mode(".", 0o700), ""),
        (|fixture| fixture.file("zzz", b"", 0o644), ""),
        (
            |fixture| {
                // Content replaced, with the old size and time put back.
                let path = fixture.at("a/one");
                let time = path.metadata().unwrap().modified().unwrap();
                fs_err::write(&path, "x").unwrap();
                fs_err::OpenOptions::new().write(true).open(&path).unwrap().file().set_modified(time).unwrap();
            },
            "a/one",
        ),
    ];
    for (index, (change, expected)) in changes.into_iter().enumerate() {
        let fixture = tree();
        let manifest = StatManifest::take(fixture.path()).unwrap();
        change(&fixture);
        assert_eq!(changed(&fixture, &manifest).as_deref(), Some(Path::new(expected)), "change {index}");
    }
}

#[test]
fn a_manifest_comes_back_from_its_file() {
    let fixture = tree();
    let manifest = StatManifest::take(fixture.path()).unwrap();
    let path = fixture.beside("manifest");
    manifest.write_to(&path).unwrap();
    assert_eq!(StatManifest::read_from(&path).unwrap(), manifest);
    fs_err::write(&path, "BALRSTM0 of another version").unwrap();
    assert!(matches!(StatManifest::read_from(&path), Err(StatManifestError::Format { .. })));
    assert!(matches!(StatManifest::read_from(&fixture.beside("none")), Err(StatManifestError::Read { .. })));
}

#[test]
fn a_damaged_manifest_is_a_change() {
    let fixture = tree();
    let path = fixture.beside("manifest");
    StatManifest::take(fixture.path()).unwrap().write_to(&path).unwrap();
    let bytes = fs_err::read(&path).unwrap();
    for length in (16..bytes.len()).step_by(7) {
        fs_err::write(&path, &bytes[..length]).unwrap();
        assert!(changed(&fixture, &StatManifest::read_from(&path).unwrap()).is_some(), "cut to {length}");
    }
}

#[test]
fn a_tree_without_a_root_is_an_error() {
    let fixture = tree();
    let manifest = StatManifest::take(fixture.path()).unwrap();
    let error = manifest.compare(&fixture.beside("none")).unwrap_err();
    assert!(error.to_string().ends_with("/none"), "{error}");
}

#[test]
fn a_read_only_tree_is_moved_and_unchanged() {
    let fixture = tree();
    fixture.mode("a", 0o555);
    fixture.mode("b/empty", 0o500);
    fixture.mode(".", 0o555);
    let manifest = StatManifest::take(fixture.path()).unwrap();
    let to = fixture.beside("elsewhere");
    fs_err::create_dir(&to).unwrap();
    let to = to.join("moved");
    move_tree(fixture.path(), &to).unwrap();
    assert_eq!(manifest.compare(&to).unwrap(), Comparison::Unchanged);
    assert_eq!(to.metadata().unwrap().mode() & 0o7777, 0o555);
    move_tree(&to, fixture.path()).unwrap();
    assert_eq!(changed(&fixture, &manifest), None);
}

#[test]
fn a_move_that_fails_leaves_the_mode() {
    let fixture = tree();
    fixture.mode(".", 0o555);
    let error = move_tree(fixture.path(), &fixture.beside("none/moved")).unwrap_err();
    assert!(!error.is_cross_device());
    assert!(error.to_string().starts_with("could not move "), "{error}");
    assert_eq!(fixture.path().metadata().unwrap().mode() & 0o7777, 0o555);
    let error = move_tree(fixture.path(), Path::new("/proc/moved")).unwrap_err();
    assert_eq!(fixture.path().metadata().unwrap().mode() & 0o7777, 0o555, "{error}");
}

/// The limit is far above what is measured, for slow machines.
#[test]
fn many_files_are_compared_quickly() {
    let fixture = Fixture::new();
    for directory in 0..50 {
        fixture.directory(&format!("d{directory}"), 0o755);
        for file in 0..100 {
            fs_err::write(fixture.at(&format!("d{directory}/file-{file}")), "").unwrap();
        }
    }
    let manifest = StatManifest::take(fixture.path()).unwrap();
    let start = SystemTime::now();
    assert_eq!(changed(&fixture, &manifest), None);
    let elapsed = start.elapsed().unwrap();
    println!("{} entries compared in {elapsed:?}", manifest.entries());
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

/// Both move the ctime of the inode, which is in the manifest.
#[test]
fn attributes_and_hard_links_are_noticed() {
    let fixture = tree();
    let manifest = StatManifest::take(fixture.path()).unwrap();
    fs_err::hard_link(fixture.at("a/one"), fixture.beside("another-name")).unwrap();
    assert_eq!(changed(&fixture, &manifest).as_deref(), Some(Path::new("a/one")), "a link from outside");
    let manifest = StatManifest::take(fixture.path()).unwrap();
    fs_err::remove_file(fixture.beside("another-name")).unwrap();
    assert_eq!(changed(&fixture, &manifest).as_deref(), Some(Path::new("a/one")), "a link that is gone");
    for path in ["a/two", "b/empty"] {
        let manifest = StatManifest::take(fixture.path()).unwrap();
        let set = rustix::fs::setxattr(fixture.at(path), "user.note", b"x", rustix::fs::XattrFlags::empty());
        if set.is_err() {
            println!("SKIP: needs extended attributes for users in the temporary directory");
            return;
        }
        assert_eq!(changed(&fixture, &manifest).as_deref(), Some(Path::new(path)));
    }
}

/// The change comes in the same tick of the clock as the file was written, again and again: no sleep in between.
#[test]
fn a_change_within_the_resolution_of_the_clock_is_noticed() {
    for round in 0..200 {
        let fixture = tree();
        fs_err::write(fixture.at("a/one"), "1").unwrap();
        let manifest = StatManifest::take(fixture.path()).unwrap();
        fs_err::write(fixture.at("a/one"), "2").unwrap();
        assert_eq!(changed(&fixture, &manifest).as_deref(), Some(Path::new("a/one")), "round {round}");
    }
}
