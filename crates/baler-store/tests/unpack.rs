//! Unpacking as the caller: every file is the caller's.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use baler_image::{Digest, Layer, Sink, SourceError};
use baler_layer::apply::ApplyError;
use baler_layer::ownership::User;
use baler_store::{Layout, UnpackError, UnpackEvent};
use support::{
    blob_path, damage, list, name, open, put_covering_layers, put_image, put_layer, resolved, single, store,
};

#[test]
fn layers_are_stacked_topmost_first_and_unpacked_once() {
    let (_directory, store) = store();
    put_image(&store, &name("app"), &["bottom", "middle", "bottom", "top"]);
    let image = resolved(&store, &name("app"));
    let (started, present) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = |event: UnpackEvent<'_>| {
        match event {
            UnpackEvent::Started(_) => started.fetch_add(1, Ordering::Relaxed),
            UnpackEvent::Present(_) => present.fetch_add(1, Ordering::Relaxed),
            UnpackEvent::Finished(_) => 0,
        };
    };
    let unpacked = store.unpack(image.layers(), &store, &single(), &count).unwrap();
    let contents: Vec<_> =
        unpacked.lower.iter().map(|tree| fs_err::read_to_string(tree.join("etc/file")).unwrap()).collect();
    assert_eq!(contents, ["top", "bottom", "middle"]);
    assert_eq!((started.swap(0, Ordering::Relaxed), present.swap(0, Ordering::Relaxed)), (3, 0));

    let again = open(store.root()).unpack(image.layers(), &store, &single(), &count).unwrap();
    assert_eq!((again.lower, again.owners), (unpacked.lower, unpacked.owners));
    assert_eq!((started.into_inner(), present.into_inner()), (0, 3));
    assert!(store.unpack(&[], &store, &single(), &|_| ()).unwrap().lower.is_empty());
}

#[test]
fn directories_keep_the_mode_that_lower_layers_give_them() {
    let (_directory, store) = store();
    let layers = put_covering_layers(&store);
    let unpacked = store.unpack(&layers, &store, &single(), &|_| ()).unwrap();
    assert_eq!(unpacked.lower.len(), 3);
    let mode = |path: &str| fs_err::metadata(unpacked.lower[0].join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("tmp"), mode("home"), mode("")), (0o1777, 0o750, 0o755));
    assert_eq!(store.unpack(&layers[..1], &store, &single(), &|_| ()).unwrap().lower.len(), 1);
    let user = User { uid: 1000, gids: vec![1000] };
    assert_eq!(unpacked.writable(&user).writable, [Path::new("/home"), Path::new("/tmp")]);
}

#[test]
fn a_layer_may_come_from_another_place() {
    let (directory, store) = store();
    let layout = Layout::create_or_open(&directory.path().join("layout")).unwrap();
    let layer = put_layer(&layout, &[("file", "x")]);
    let unpacked = store.unpack(std::slice::from_ref(&layer), &layout, &single(), &|_| ()).unwrap();
    assert_eq!(fs_err::read_to_string(unpacked.lower[0].join("etc/file")).unwrap(), "x");
}

#[test]
fn one_layer_is_unpacked_once_by_several_at_once() {
    let (_directory, store) = store();
    let layer = put_layer(&store, &[("file", &"x".repeat(1 << 20))]);
    let finished = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let other = open(store.root());
                let count = |event: UnpackEvent<'_>| {
                    if matches!(event, UnpackEvent::Finished(_)) {
                        finished.fetch_add(1, Ordering::Relaxed);
                    }
                };
                other.unpack(std::slice::from_ref(&layer), &other, &single(), &count).unwrap();
            });
        }
    });
    assert!(finished.into_inner() >= 1);
    let hex = layer.diff_id.hex();
    assert_eq!(list(&store.root().join("layers/single")), [hex.to_owned(), format!("{hex}.lock")]);
}

#[test]
fn a_layer_of_before_a_power_failure_is_unpacked_again() {
    let (_directory, store) = store();
    let layer = put_layer(&store, &[("file", "x")]);
    let unpack = || store.unpack(std::slice::from_ref(&layer), &store, &single(), &|_| ()).unwrap().lower.remove(0);
    let tree = unpack();
    let directory = tree.parent().unwrap();
    assert_eq!(list(directory), ["boot", "owners", "tree"]);
    fs_err::write(tree.join("etc/file"), "").unwrap();
    assert_eq!(fs_err::read(unpack().join("etc/file")).unwrap(), b"");
    fs_err::write(directory.join("boot"), "another").unwrap();
    assert_eq!(fs_err::read(unpack().join("etc/file")).unwrap(), b"x");
}

#[test]
fn what_a_registry_damages_is_unpacked_anew() {
    support::damaging::check(&single());
}

#[test]
fn a_layer_that_is_not_what_it_should_be_leaves_nothing() {
    let (_directory, store) = store();
    let layer = put_layer(&store, &[("file", "x")]);
    let other = Layer { diff_id: Digest::of(b"other"), ..layer.clone() };
    let result = store.unpack(&[layer.clone(), other], &store, &single(), &|_| ());
    let Err(UnpackError::Apply { digest, source: ApplyError::OtherDiffId { .. } }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(digest, Digest::of(b"other"));

    let path = blob_path(store.root(), &layer.descriptor.digest);
    fs_err::remove_dir_all(store.root().join("layers/single")).unwrap();
    let mut bytes = fs_err::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    damage(&path, &bytes);
    assert!(store.has_blob(&layer.descriptor.digest).unwrap());
    let result = store.unpack(std::slice::from_ref(&layer), &store, &single(), &|_| ());
    let Err(UnpackError::Read { source: SourceError::Corrupt { .. }, .. }) = result else { panic!("{result:?}") };
    // It is not relied on any more, so that it can be written again.
    let other = open(store.root());
    assert!(!other.has_blob(&layer.descriptor.digest).unwrap());
    assert_eq!(put_layer(&other, &[("file", "x")]), layer);
    other.unpack(std::slice::from_ref(&layer), &other, &single(), &|_| ()).unwrap();
    fs_err::remove_dir_all(store.root().join("layers/single")).unwrap();
    drop(other);

    fs_err::remove_file(&path).unwrap();
    let result = store.unpack(std::slice::from_ref(&layer), &store, &single(), &|_| ());
    assert!(matches!(result, Err(UnpackError::Read { .. })), "{result:?}");
    let root = store.root().to_owned();
    drop(store);
    assert!(list(&root.join("tmp")).is_empty());
    assert!(list(&root.join("layers/single")).iter().all(|name| name.contains(".lock")));
}
