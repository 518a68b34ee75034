//! A full disk, on a small file system made for the purpose.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use baler_image::{Sink, SinkError};
use baler_store::{DiskFull, UnpackError};
use support::{list, name, open, put_image, put_layer, single};

/// A file system of 1 MiB, gone when it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m,mode=0755", "none"])
            .arg(directory.path())
            .output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn full(error: &io::Error) -> &DiskFull {
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    error.get_ref().unwrap().downcast_ref().unwrap()
}

#[test]
fn a_full_disk_is_told_as_such_and_nothing_is_half_there() {
    let Some(disk) = SmallDisk::mount() else {
        println!("SKIP: needs root, to mount a small file system");
        return;
    };
    let store = open(&disk.path().join("store"));
    put_image(&store, &name("app"), &["x"]);
    let before = list(&store.root().join("blobs/sha256"));
    let mut writer = store.begin_blob().unwrap();
    let error = writer.write_all(&vec![1; 2 << 20]).unwrap_err();
    let text = full(&error).to_string();
    assert!(text.starts_with(&format!("no space left on the disk of {}", store.root().display())), "{text}");
    drop(writer);
    assert_eq!(list(&store.root().join("blobs/sha256")), before);

    // A layer that compresses well, and is too large when it is unpacked.
    let layer = put_layer(&store, &[("file", &"x".repeat(3 << 20))]);
    let result = store.unpack(std::slice::from_ref(&layer), &store, &single(), &|_| ());
    assert!(matches!(result, Err(UnpackError::DiskFull { .. })), "{result:?}");

    let mut writer = store.begin_blob().unwrap();
    while writer.write_all(&[1; 4096]).is_ok() {}
    let result = store.begin_blob().map(drop);
    assert!(matches!(result, Err(SinkError::BeginBlob { .. }) | Ok(())), "{result:?}");
    drop(writer);
    put_image(&store, &name("app:2"), &["y"]);
}
