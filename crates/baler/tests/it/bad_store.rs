//! A store that is full, read-only, another one's or of another version: one clear error, and nothing half written.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use baler_image::Digest;

use crate::support::{Base, Outcome, Place, User, application, buildpack};

/// A small file system at the store's place, gone when it is dropped.
struct SmallDisk {
    path: std::path::PathBuf,
}

impl SmallDisk {
    fn mount(path: &Path, size: u32) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let options = format!("size={size}k,mode=0700");
        let mount =
            crate::support::try_outcome(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(path));
        if mount.is_ok_and(|outcome| outcome.code == Some(0)) {
            return Some(Self { path: path.to_owned() });
        }
        eprintln!("SKIP: needs root, to mount a small file system");
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.path).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

/// An error is one line that names what it is about, and hints.
#[track_caller]
fn one_clear_error(outcome: &Outcome, texts: &[&str]) {
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(outcome.stderr.matches("ERROR: ").count(), 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("\n  hint: "), "{}", outcome.stderr);
    for text in texts {
        assert!(outcome.stderr.contains(text), "{text} in {}", outcome.stderr);
    }
}

#[test]
fn a_full_disk() {
    let Some(place) = Place::new(User::Caller) else { return };
    let Some(base) = Base::get() else { return };
    buildpack(
        &place,
        "make",
        "exit 0",
        "mkdir -p \"$1/l\"; cat /bin/busybox /bin/busybox >\"$1/l/f\"; printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/l.toml\"",
    );
    application(&place, &[("x", &"text ".repeat(100_000))]);
    let config = "[build]\nimage = \"test-build\"\n[[run.images]]\nimage = \"test-run\"\n[[buildpacks]]\nuri = \"make\"\n[[order]]\n[[order.group]]\nid = \"test/make\"\n";
    crate::support::write(&place.path().join("builder.toml"), config);
    let Some(disk) = SmallDisk::mount(&place.store(), 16) else { return };
    let commands: [&[&str]; 3] = [
        &["load", base.path().to_str().unwrap()],
        &["builder", "create", "builder", "--config", "builder.toml"],
        &["build", "app", "--builder", "builder", "--path", "app", "--quiet"],
    ];
    let (mut size, mut failures) = (16, 0);
    let mut digest = String::new();
    for command in commands {
        loop {
            let outcome = place.run(command);
            check_blobs(&place.store());
            if outcome.code == Some(0) {
                digest = outcome.stdout;
                break;
            }
            failures += 1;
            // Where the buildpack met it first, its own output says so.
            if outcome.stderr.contains("status code") || outcome.stderr.contains("could not make the store") {
                assert_eq!(outcome.code, Some(1), "{outcome:?}");
            } else {
                one_clear_error(&outcome, &["no space left on the disk of ", "make room on the disk of "]);
            }
            size += size / 3 + 8;
            assert!(size < 400_000, "{outcome:?}");
            disk.remount(&format!("size={size}k"));
        }
    }
    assert!(failures > 10, "{failures}");
    disk.remount("size=400000k");
    assert_eq!(place.run(commands[2]).success().stdout, digest);
    assert_eq!(place.run(&[commands[2], &["--clear-cache"]].concat()).success().stdout, digest);
}

fn check_blobs(store: &Path) {
    let Ok(entries) = std::fs::read_dir(store.join("blobs/sha256")) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        assert_eq!(Digest::of(&std::fs::read(&path).unwrap()).hex(), path.file_name().unwrap().to_str().unwrap());
    }
    let sessions: Vec<_> =
        std::fs::read_dir(store.join("tmp")).unwrap().map(|session| session.unwrap().path()).collect();
    let work = |session: &std::path::PathBuf| std::fs::read_dir(session).unwrap().collect::<Vec<_>>();
    assert!(sessions.is_empty(), "{sessions:?} with {:?} are left", sessions.iter().map(work).collect::<Vec<_>>());
}

#[test]
fn a_read_only_disk() {
    let Some(place) = Place::new(User::Caller) else { return };
    let Some(disk) = SmallDisk::mount(&place.store(), 10_000) else { return };
    place.run(&["images"]).success();
    disk.remount("ro");
    let store = place.store();
    for command in [&["images"][..], &["build", "app", "--builder", "builder"], &["prune"]] {
        let text = format!("the store at {} cannot be written to", store.display());
        one_clear_error(&place.run(command), &[&text, "BALER_HOME"]);
    }
}

#[test]
fn a_store_of_somebody_else() {
    let Some(place) = Place::new(User::Caller) else { return };
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIP: needs root, to give a store away");
        return;
    }
    place.run(&["images"]).success();
    chown(place.store(), Some(4711), None).unwrap();
    let outcome = place.run(&["images"]);
    one_clear_error(&outcome, &[place.store().to_str().unwrap(), "belongs to user 4711", "chown -R 4711"]);
    chown(place.store(), Some(0), None).unwrap();
    std::fs::set_permissions(place.store(), PermissionsExt::from_mode(0o777)).unwrap();
    one_clear_error(&place.run(&["images"]), &[place.store().to_str().unwrap(), "chmod go-w"]);
    std::fs::set_permissions(place.store(), PermissionsExt::from_mode(0o700)).unwrap();
    place.run(&["images"]).success();
}

#[test]
fn a_store_of_a_newer_version_and_no_store() {
    let Some(place) = Place::new(User::Caller) else { return };
    place.run(&["images"]).success();
    std::fs::write(place.store().join("version"), "2\n").unwrap();
    one_clear_error(&place.run(&["images"]), &[place.store().to_str().unwrap(), "format version 2", "a newer baler"]);
    std::fs::remove_dir_all(place.store()).unwrap();
    crate::support::write(&place.store().join("letter.txt"), "dear reader");
    one_clear_error(&place.run(&["images"]), &[place.store().to_str().unwrap(), "not a store"]);
    let left: Vec<_> = std::fs::read_dir(place.store()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["letter.txt"]);
}
