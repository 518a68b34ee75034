//! Opening a store, images by name, blobs by digest.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use baler_image::{Descriptor, Digest, Manifest, Reference, Sink, SinkError, Source, SourceError, media_type};
use baler_sandbox::SandboxProgram;
use baler_store::{OpenError, Store};
use support::{blob_path, damage, list, name, open, put_bytes, put_image, put_layer, resolved, store};

fn open_error(root: &Path) -> OpenError {
    Store::open(root, SandboxProgram::current()).err().expect("the store opens")
}

fn set_mode(path: &Path, mode: u32) {
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_new_store_is_private_and_versioned() {
    let (_directory, store) = store();
    assert_eq!(fs_err::metadata(store.root()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs_err::read_to_string(store.root().join("version")).unwrap(), "1\n");
    open(store.root());
    // An empty directory that is there is as good as none.
    let empty = tempfile::tempdir().unwrap();
    open(empty.path());
    assert!(store.images().unwrap().is_empty());
}

#[test]
fn what_is_no_store_of_ours_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs_err::write(root.join("letter.txt"), "Dear").unwrap();
    assert!(matches!(open_error(root), OpenError::NotAStore { .. }));
    assert_eq!(list(root), ["letter.txt"]);
    assert!(matches!(open_error(&root.join("letter.txt")), OpenError::Read { .. }));

    let (_directory, store) = store();
    fs_err::write(store.root().join("version"), "7\n").unwrap();
    let text = open_error(store.root()).to_string();
    assert!(text.ends_with("has format version 7; this program knows versions up to 1"), "{text}");
    fs_err::write(store.root().join("version"), "1\n").unwrap();
    set_mode(store.root(), 0o770);
    assert!(matches!(open_error(store.root()), OpenError::WritableByOthers { mode: 0o770, .. }));
}

#[test]
fn a_store_of_another_user_is_refused() {
    if !is_root() {
        println!("SKIP: needs root");
        return;
    }
    let (_directory, store) = store();
    std::os::unix::fs::chown(store.root(), Some(1234), None).unwrap();
    assert!(matches!(open_error(store.root()), OpenError::WrongOwner { owner: 1234, caller: 0, .. }));
}

#[test]
fn a_store_that_cannot_be_written_to_is_refused() {
    if is_root() {
        println!("SKIP: needs an ordinary user");
        return;
    }
    let (directory, store) = store();
    let root = store.root().to_owned();
    drop(store);
    set_mode(&root.join("tmp"), 0o500);
    assert!(matches!(open_error(&root), OpenError::ReadOnly { .. }));
    set_mode(&root.join("tmp"), 0o700);
    set_mode(directory.path(), 0o500);
    assert!(matches!(open_error(&directory.path().join("new")), OpenError::Make { .. }));
    set_mode(directory.path(), 0o700);
}

#[test]
fn an_image_is_found_by_tag_and_by_digest() {
    let (_directory, store) = store();
    let tag = name("registry.example/team/app:1");
    let descriptor = put_image(&store, &tag, &["one", "two"]);
    assert_eq!(resolved(&store, &tag).digest(), &descriptor.digest);
    let by_digest = name(&format!("registry.example/team/app@{}", descriptor.digest));
    assert_eq!(resolved(&store, &by_digest).digest(), &descriptor.digest);
    for absent in ["registry.example/team/app:2", "registry.example/app:1", "oci:somewhere"] {
        assert!(store.find(&name(absent)).unwrap().is_none(), "{absent}");
    }
    let images = store.images().unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].reference.to_string(), "registry.example/team/app:1");
    assert_eq!(images[0].descriptor, descriptor);
    assert!(images[0].written.elapsed().unwrap().as_secs() < 60);
    assert_eq!(store.image(tag.reference().unwrap()).unwrap().as_ref(), images.first());
}

#[test]
fn an_image_remembers_the_index_it_came_from() {
    let (_directory, store) = store();
    let descriptor = put_image(&store, &name("run:1"), &["x"]);
    let (index, bytes) = support::index(std::slice::from_ref(&descriptor));
    store.put_document(&name("run:index"), &index, &bytes).unwrap();
    let image = resolved(&store, &name("run:index"));
    assert_eq!(image.index_digest(), Some(&index.digest));
    store.put_image(&name("run:1"), &image).unwrap();
    store.remove(name("run:index").reference().unwrap()).unwrap().unwrap();
    fs_err::remove_file(blob_path(store.root(), &index.digest)).unwrap();
    let reference: Reference = "run:1".parse().unwrap();
    assert_eq!(store.image(&reference).unwrap().unwrap().index_digest, Some(index.digest.clone()));
    assert_eq!(resolved(&store, &name(&format!("run@{}", index.digest))).digest(), &descriptor.digest);
    assert!(store.find(&name(&format!("other@{}", index.digest))).unwrap().is_none());
}

#[test]
fn names_that_the_store_cannot_keep() {
    let (_directory, store) = store();
    let descriptor = put_image(&store, &name("app"), &[]);
    let bytes = store.document(&descriptor).unwrap();
    for wrong in ["oci:out".to_owned(), format!("app@{}", Digest::of(b"other"))] {
        let result = store.put_document(&name(&wrong), &descriptor, &bytes);
        assert!(matches!(result, Err(SinkError::WrongName { .. })), "{wrong}: {result:?}");
    }
    let both = name(&format!("app:2@{}", descriptor.digest));
    store.put_document(&both, &descriptor, &bytes).unwrap();
    assert!(store.find(&name("app:2")).unwrap().is_some());
}

#[test]
fn an_image_is_named_only_when_its_blobs_are_there() {
    let (_directory, store) = store();
    let layer = put_layer(&store, &[("file", "x")]);
    let (descriptor, bytes) = support::manifest(&store, "amd64", std::slice::from_ref(&layer));
    let path = blob_path(store.root(), &layer.descriptor.digest);
    let other = open(store.root());
    let missing = |sink: &Store| {
        let result = sink.put_document(&name("app"), &descriptor, &bytes);
        let Err(SinkError::MissingBlob { digest, .. }) = result else { panic!("{result:?}") };
        assert!(sink.find(&name("app")).unwrap().is_none());
        digest
    };
    // What another process has written, but not named yet, is not relied on: a power failure may cut it off.
    assert!(store.has_blob(&layer.descriptor.digest).unwrap());
    assert!(!other.has_blob(&layer.descriptor.digest).unwrap());
    assert_eq!(missing(&other), serde_json::from_slice::<Manifest>(&bytes).unwrap().config.digest);
    // A blob of another size is removed, so that it can be written again.
    damage(&path, b"half");
    assert_eq!(missing(&store), layer.descriptor.digest);
    assert!(!path.exists());
    assert_eq!(missing(&store), layer.descriptor.digest);
    assert_eq!(put_layer(&store, &[("file", "x")]), layer);
    store.put_document(&name("app"), &descriptor, &bytes).unwrap();
    assert!(other.has_blob(&layer.descriptor.digest).unwrap());
    let result = store.put_document(&name("app"), &descriptor, b"{}");
    assert!(matches!(result, Err(SinkError::WriteImage { .. })), "{result:?}");
}

#[test]
fn damaged_blobs_are_noticed_before_their_last_byte() {
    let (_directory, store) = store();
    let content = vec![7; 300_000];
    let descriptor = put_bytes(&store, media_type::OCI_LAYER, &content);
    let path = blob_path(store.root(), &descriptor.digest);
    let mut read = Vec::new();
    store.blob(&descriptor).unwrap().read_to_end(&mut read).unwrap();
    assert_eq!(read, content);

    let mut damaged = content.clone();
    damaged[299_999] = 8;
    damage(&path, &damaged);
    let mut exact = vec![0; content.len()];
    let error = store.blob(&descriptor).unwrap().read_exact(&mut exact).unwrap_err();
    match error.downcast::<SourceError>().unwrap() {
        SourceError::Corrupt { digest, found, .. } => {
            assert_eq!((digest, found), (descriptor.digest.clone(), Digest::of(&damaged)));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(store.document(&descriptor), Err(SourceError::Corrupt { .. })));

    damage(&path, b"short");
    assert!(matches!(store.blob(&descriptor).err(), Some(SourceError::WrongSize { found: 5, .. })));
    fs_err::remove_file(&path).unwrap();
    assert!(matches!(store.blob(&descriptor).err(), Some(SourceError::AbsentBlob { .. })));
    let huge = Descriptor::new("", 1 << 40, descriptor.digest);
    assert!(matches!(store.document(&huge), Err(SourceError::Read { .. })));
}

#[test]
fn a_blob_that_is_not_committed_leaves_nothing() {
    let (_directory, store) = store();
    let mut writer = store.begin_blob().unwrap();
    writer.write_all(b"half").unwrap();
    drop(writer);
    let mut writer = store.begin_blob().unwrap();
    writer.write_all(b"half").unwrap();
    assert!(matches!(writer.commit(&Digest::of(b"half"), 5), Err(SinkError::WriteBlob { .. })));
    assert!(!store.has_blob(&Digest::of(b"half")).unwrap());
    let session = store.root().join("tmp").join(&list(&store.root().join("tmp"))[0]);
    assert_eq!(list(&session), ["lock", "pins"]);
    let root = store.root().to_owned();
    drop(store);
    assert!(list(&root.join("tmp")).is_empty());
}

#[test]
fn a_blob_of_a_process_that_ended_well_is_relied_on() {
    let (_directory, store) = store();
    let other = open(store.root());
    let blob = put_bytes(&store, "", b"in a cache");
    assert!(!other.has_blob(&blob.digest).unwrap());
    drop(store);
    assert!(other.has_blob(&blob.digest).unwrap());
}

#[test]
fn one_blob_from_several_writers() {
    let (_directory, store) = store();
    let content = vec![9; 1 << 20];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let other = open(store.root());
                for _ in 0..5 {
                    put_bytes(&other, "", &content);
                    put_bytes(&store, "", &content);
                }
            });
        }
    });
    assert_eq!(fs_err::read(blob_path(store.root(), &Digest::of(&content))).unwrap(), content);
}

#[test]
fn what_killed_processes_left_is_removed_at_the_next_start() {
    let (_directory, store) = store();
    let scratch = store.scratch("build").unwrap();
    let tmp = store.root().join("tmp");
    let living = list(&tmp);
    let dead = tmp.join("dead");
    fs_err::create_dir_all(dead.join("build-0/locked")).unwrap();
    for file in ["lock", "pins", "blob-1", "build-0/locked/file"] {
        fs_err::write(dead.join(file), "x").unwrap();
    }
    set_mode(&dead.join("build-0/locked"), 0o555);
    fs_err::create_dir(tmp.join("killed-early")).unwrap();
    open(store.root());
    assert_eq!(list(&tmp), living);
    assert!(scratch.path().is_dir());
}

#[test]
fn scratch_directories_go_with_their_owner() {
    let (_directory, store) = store();
    let root = store.root().to_owned();
    let scratch = store.scratch("work").unwrap();
    let locked = scratch.subdirectory("a/b").unwrap();
    fs_err::write(locked.join("file"), "x").unwrap();
    set_mode(&locked, 0o555);
    let path = scratch.path().to_owned();
    // The session lasts as long as anything of it.
    drop(store);
    assert!(path.is_dir());
    open(&root);
    assert!(path.is_dir());
    drop(scratch);
    assert!(list(&root.join("tmp")).is_empty());
}

#[test]
fn a_damaged_record_is_named() {
    let (_directory, store) = store();
    put_image(&store, &name("app"), &[]);
    let records = store.root().join("images");
    fs_err::write(records.join(&list(&records)[0]), "{").unwrap();
    let error = store.images().unwrap_err().to_string();
    assert!(error.contains("index.docker.io+library+app:latest.json in the store is damaged"), "{error}");
    assert!(matches!(store.find(&name("app")), Err(SourceError::Read { .. })));
}
