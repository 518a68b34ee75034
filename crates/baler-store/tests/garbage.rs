//! Garbage collection takes what nothing needs, and nothing else.

mod support;

use baler_image::{Digest, Sink, Source};
use baler_store::Freed;
use support::{blob_path, list, name, open, put_bytes, put_image, resolved, single, store};

#[test]
fn what_a_name_needs_stays() {
    let (_directory, builder) = store();
    let kept = put_image(&builder, &name("app:1"), &["shared", "one"]);
    put_image(&builder, &name("app:2"), &["shared", "two"]);
    let root = builder.root().to_owned();
    let image = resolved(&builder, &name("app:2"));
    builder.unpack(image.layers(), &builder, &single(), &|_| ()).unwrap();
    drop(builder);

    let store = open(&root);
    assert_eq!(store.collect_garbage().unwrap(), Freed::default());
    let removed = store.remove(name("app:2").reference().unwrap()).unwrap().unwrap();
    assert_eq!(&removed.descriptor.digest, image.digest());
    assert!(store.remove(name("app:2").reference().unwrap()).unwrap().is_none());
    let freed = store.collect_garbage().unwrap();
    // Manifest, config and the layer that the other image has not.
    assert_eq!((freed.blobs, freed.layers), (3, 1));
    assert!(freed.bytes > 0);
    let image = resolved(&store, &name("app:1"));
    assert_eq!(image.digest(), &kept.digest);
    for layer in image.layers() {
        assert!(blob_path(&root, &layer.descriptor.digest).exists());
    }
    assert_eq!(list(&root.join("layers/single")).len(), 2, "the shared layer and its lock");
}

#[test]
fn an_index_keeps_its_images() {
    let (_directory, builder) = store();
    let image = put_image(&builder, &name("app:1"), &["x"]);
    let (index, bytes) = support::index(&[image]);
    builder.put_document(&name("app:index"), &index, &bytes).unwrap();
    let root = builder.root().to_owned();
    drop(builder);
    let store = open(&root);
    store.remove(name("app:1").reference().unwrap()).unwrap().unwrap();
    assert_eq!(store.collect_garbage().unwrap(), Freed::default());
    resolved(&store, &name("app:index"));
}

#[test]
fn what_a_cache_lists_stays() {
    let (_directory, builder) = store();
    let (needed, other) = (put_bytes(&builder, "", b"needed"), put_bytes(&builder, "", b"other"));
    let cache = builder.cache("registry.example/app:1").unwrap();
    fs_err::write(cache.join("roots"), format!("{}\n", needed.digest)).unwrap();
    let root = builder.root().to_owned();
    drop(builder);
    let store = open(&root);
    assert_eq!(store.caches().unwrap()[0].roots, std::slice::from_ref(&needed.digest));
    assert_eq!(store.collect_garbage().unwrap(), Freed { blobs: 1, bytes: 5, ..Freed::default() });
    assert!(!blob_path(&root, &other.digest).exists());
    assert_eq!(store.caches().unwrap()[0].key.as_deref(), Some("registry.example/app:1"));
    store.remove_cache("registry.example/app:1").unwrap();
    assert_eq!(store.collect_garbage().unwrap().blobs, 1);
}

#[test]
fn what_a_running_process_uses_stays() {
    let (_directory, builder) = store();
    put_image(&builder, &name("app"), &["x"]);
    let root = builder.root().to_owned();
    drop(builder);

    let (running, other) = (open(&root), open(&root));
    let image = resolved(&running, &name("app"));
    let unpacked = running.unpack(image.layers(), &running, &single(), &|_| ()).unwrap();
    let written = put_bytes(&running, "", b"not named yet");
    other.remove(name("app").reference().unwrap()).unwrap().unwrap();
    assert_eq!(other.collect_garbage().unwrap(), Freed::default());
    assert!(unpacked.lower[0].join("etc/file").exists());
    assert!(running.has_blob(&written.digest).unwrap());
    assert!(running.document(&written).is_ok());
    drop(running);
    let freed = other.collect_garbage().unwrap();
    assert_eq!((freed.blobs, freed.layers), (4, 1));
    assert!(list(&root.join("blobs/sha256")).is_empty());
    assert!(list(&root.join("layers/single")).is_empty());
}

#[test]
fn collecting_beside_a_writer_takes_nothing_from_it() {
    let (_directory, store) = store();
    let root = store.root();
    std::thread::scope(|scope| {
        for worker in 0..3 {
            scope.spawn(move || {
                for round in 0..10 {
                    let store = open(root);
                    let image = name(&format!("app:{worker}"));
                    put_image(&store, &image, &["shared", &format!("{worker}-{round}")]);
                    let image = resolved(&store, &image);
                    store.unpack(image.layers(), &store, &single(), &|_| ()).unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..30 {
                open(root).collect_garbage().unwrap();
            }
        });
    });
    open(root).collect_garbage().unwrap();
    for blob in list(&root.join("blobs/sha256")) {
        let bytes = fs_err::read(root.join("blobs/sha256").join(&blob)).unwrap();
        assert_eq!(Digest::of(&bytes).hex(), blob);
    }
    for worker in 0..3 {
        let image = resolved(&store, &name(&format!("app:{worker}")));
        assert!(image.layers().iter().all(|layer| store.has_blob(&layer.descriptor.digest).unwrap()));
    }
}

/// What says whose an unpacked layer is is whole at any time, and put right where it is not.
#[test]
fn the_owners_of_layers_are_known_while_they_are_unpacked() {
    let (directory, store) = store();
    let root = store.root().to_owned();
    let owners = root.join("layers/single.ids");
    for round in 0..30 {
        // A store of its own each time: what is said of owners is written once.
        let root = directory.path().join(format!("store-{round}"));
        std::thread::scope(|scope| {
            for worker in 0..2 {
                let root = &root;
                scope.spawn(move || {
                    let (store, image) = (open(root), name(&format!("app:{worker}")));
                    put_image(&store, &image, &["shared", &worker.to_string()]);
                    store.unpack(resolved(&store, &image).layers(), &store, &single(), &|_| ()).unwrap();
                });
            }
            scope.spawn(|| {
                for _ in 0..10 {
                    open(&root).collect_garbage().unwrap();
                }
            });
        });
    }

    put_image(&store, &name("app:1"), &["x"]);
    let unpack = || store.unpack(resolved(&store, &name("app:1")).layers(), &store, &single(), &|_| ());
    unpack().unwrap();
    let whole = fs_err::read(&owners).unwrap();
    fs_err::write(&owners, "").unwrap();
    unpack().unwrap();
    assert_eq!(fs_err::read(&owners).unwrap(), whole);
    assert_eq!(store.collect_garbage().unwrap(), Freed::default());
}
