//! OCI layouts as source and sink, and from there into the store.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use baler_image::{ImageName, ResolveError, Sink, SinkError, Source, SourceError, Target, Wanted, resolve};
use baler_store::{CopyError, CopyEvent, Layout, LayoutError, LoadError, copy_image, load_layout};
use support::{blob_path, list, name, put_image, put_layer, resolved, store};

#[test]
fn an_image_goes_to_a_layout_and_back() {
    let (_directory, store) = store();
    let (_other, layout) = support::layout();
    let tag = name("registry.example/app:1");
    let descriptor = put_image(&store, &tag, &["one", "two", "one"]);
    let image = resolved(&store, &tag);
    copy_image(&image, &store, &layout, &layout.image_name(Some("first")), &|_| ()).unwrap();
    assert_eq!(layout.names().unwrap(), ["first"]);
    for found in [layout.image_name(Some("first")), layout.image_name(None)] {
        let copy = resolved(&layout, &found);
        assert_eq!((copy.digest(), &copy.manifest().raw), (&descriptor.digest, &image.manifest().raw));
    }

    let events = Mutex::new((0, 0, 0));
    let count = |event: CopyEvent<'_>| {
        let mut events = events.lock().unwrap();
        match event {
            CopyEvent::Present(_) => events.0 += 1,
            CopyEvent::Started(_) => events.1 += 1,
            CopyEvent::Advanced(_, bytes) => events.2 += bytes,
            CopyEvent::Finished(_) => {}
        }
    };
    let (_third, target) = support::store();
    let copy = resolved(&layout, &layout.image_name(None));
    copy_image(&copy, &layout, &target, &tag, &count).unwrap();
    assert_eq!(resolved(&target, &tag).digest(), &descriptor.digest);
    let manifest = &image.manifest().value;
    let size = manifest.config.size + manifest.layers[0].size + manifest.layers[1].size;
    assert_eq!(*events.lock().unwrap(), (0, 3, size));
    copy_image(&copy, &layout, &target, &name("again"), &count).unwrap();
    assert_eq!(*events.lock().unwrap(), (3, 3, size));
    assert_eq!(list(layout.root()), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn other_images_of_a_layout_stay() {
    let (_directory, layout) = support::layout();
    let first = put_image(&layout, &layout.image_name(Some("a")), &["a"]);
    put_image(&layout, &name("registry.example/app:b"), &["b"]);
    let unnamed = put_image(&layout, &layout.image_name(None), &["c"]);
    assert_eq!(layout.names().unwrap(), ["a", "b"]);
    // The same name again replaces, whether it is one or none.
    let replaced = put_image(&layout, &layout.image_name(Some("b")), &["d"]);
    put_image(&layout, &layout.image_name(None), &["c"]);
    assert_eq!(layout.names().unwrap(), ["a", "b"]);
    let digest = |image: &ImageName| layout.find(image).unwrap().map(|found| found.digest);
    assert_eq!(digest(&layout.image_name(Some("a"))), Some(first.digest));
    assert_eq!(digest(&layout.image_name(Some("b"))), Some(replaced.digest.clone()));
    assert_eq!(digest(&name("registry.example/app:b")), Some(replaced.digest));
    assert_eq!(digest(&layout.image_name(Some("x"))), None);
    let ambiguous = layout.find(&layout.image_name(None));
    let Err(SourceError::Ambiguous { names, .. }) = ambiguous else { panic!("{ambiguous:?}") };
    assert_eq!(names, ["a", "b", &unnamed.digest.to_string()]);
}

#[test]
fn writers_at_once_lose_nothing() {
    let (_directory, layout) = support::layout();
    std::thread::scope(|scope| {
        for number in 0..6 {
            let root = layout.root();
            scope.spawn(move || {
                let layout = Layout::create_or_open(root).unwrap();
                put_image(&layout, &layout.image_name(Some(&number.to_string())), &[&number.to_string()]);
            });
        }
    });
    let mut names = layout.names().unwrap();
    names.sort();
    assert_eq!(names, ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(list(layout.root()), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn makers_at_once_make_one() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("layout");
    std::thread::scope(|scope| {
        for number in 0..6 {
            let root = &root;
            scope.spawn(move || {
                let layout = Layout::create_or_open(root).unwrap();
                put_image(&layout, &layout.image_name(Some(&number.to_string())), &["x"]);
            });
        }
    });
    assert_eq!(Layout::open(&root).unwrap().names().unwrap().len(), 6);
}

#[test]
fn what_is_no_layout_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    assert!(matches!(Layout::open(&root.join("none")), Err(LayoutError::Absent { .. })));
    assert!(matches!(Layout::open(root), Err(LayoutError::Absent { .. })), "an empty directory");
    fs_err::write(root.join("letter.txt"), "Dear").unwrap();
    assert!(matches!(Layout::create_or_open(root), Err(LayoutError::NotALayout { .. })));
    assert!(matches!(Layout::begin(root), Err(LayoutError::NotALayout { .. })));
    assert!(matches!(Layout::begin(&root.join("letter.txt")), Err(LayoutError::NotALayout { .. })));
    assert!(matches!(Layout::begin(&root.join("letter.txt/below")), Err(LayoutError::Make { .. })));
    assert_eq!(list(root), ["letter.txt"]);
    fs_err::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    assert!(matches!(Layout::open(root), Err(LayoutError::OtherVersion { .. })));
    fs_err::write(root.join("oci-layout"), "text").unwrap();
    assert!(matches!(Layout::create_or_open(root), Err(LayoutError::NotALayout { .. })));
    fs_err::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let layout = Layout::open(root).unwrap();
    let result = layout.find(&layout.image_name(None));
    assert!(matches!(result, Err(SourceError::NotALayout { .. })), "{result:?}");
    fs_err::write(root.join("index.json"), r#"{"schemaVersion":2,"manifests":["#).unwrap();
    let result = layout.find(&layout.image_name(None));
    assert!(matches!(result, Err(SourceError::NotALayout { .. })), "{result:?}");
    fs_err::write(root.join("index.json"), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    assert!(layout.find(&layout.image_name(None)).unwrap().is_none());
}

#[test]
fn leftovers_of_killed_writers_go_and_those_of_living_ones_stay() {
    let (_directory, layout) = support::layout();
    let writer = layout.begin_blob().unwrap();
    fs_err::write(layout.root().join(".baler-dead"), "x").unwrap();
    // One whose lock was removed before the process that removed it was killed, too.
    fs_err::create_dir(layout.root().join(".baler-removed")).unwrap();
    fs_err::write(layout.root().join(".baler-removed/sha256-0"), "x").unwrap();
    Layout::create_or_open(layout.root()).unwrap();
    assert_eq!(list(layout.root()).len(), 4);
    drop(writer);
    assert_eq!(list(layout.root()), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn a_layout_can_be_the_platforms_of_one_image() {
    let (_directory, layout) = support::layout();
    let entries: Vec<_> = ["amd64", "arm64"]
        .iter()
        .map(|architecture| {
            let (descriptor, bytes) = support::manifest(&layout, architecture, &[]);
            support::put_bytes(&layout, "", &bytes);
            descriptor
        })
        .collect();
    fs_err::write(layout.root().join("index.json"), support::index(&entries).1).unwrap();
    let image = layout.image_name(None);
    for (entry, architecture) in entries.iter().zip(["amd64", "arm64"]) {
        let wanted = Wanted::Exactly(baler_image::Platform::new("linux", architecture));
        assert_eq!(resolve(&image, &wanted, &layout).unwrap().digest(), &entry.digest);
    }
    let wanted = Wanted::Exactly(baler_image::Platform::new("linux", "s390x"));
    assert!(matches!(resolve(&image, &wanted, &layout), Err(ResolveError::NoPlatform { .. })));
}

#[test]
fn a_layout_is_loaded_into_the_store() {
    let (_directory, store) = store();
    let (_other, layout) = support::layout();
    assert!(matches!(load_layout(&store, &layout, None, &|_| ()), Err(LoadError::Empty)));
    let amd64 = put_image(&layout, &layout.image_name(Some("docker.io/library/base:1")), &["x"]);
    let app = name("registry.example/app:2");
    let loaded = load_layout(&store, &layout, app.reference(), &|_| ()).unwrap();
    assert_eq!((loaded.len(), &loaded[0].digest), (1, &amd64.digest));
    assert_eq!(resolved(&store, &app).digest(), &amd64.digest);

    // An index with two images, one of which the layout does not have.
    let (arm64, _) = support::manifest(&layout, "arm64", &[]);
    let (index, bytes) = support::index(&[amd64.clone(), arm64]);
    layout.put_document(&layout.image_name(Some("registry.example/index:3")), &index, &bytes).unwrap();
    let loaded = load_layout(&store, &layout, None, &|_| ()).unwrap();
    let names: Vec<_> = loaded.iter().map(|image| image.reference.familiar()).collect();
    assert_eq!(names, ["base:1", "registry.example/index:3"]);
    let image = resolved(&store, &name("registry.example/index:3"));
    assert_eq!((image.digest(), image.index_digest()), (&amd64.digest, Some(&index.digest)));
    assert!(matches!(load_layout(&store, &layout, app.reference(), &|_| ()), Err(LoadError::Several { .. })));

    put_image(&layout, &layout.image_name(Some("Not A Name")), &["y"]);
    assert!(matches!(load_layout(&store, &layout, None, &|_| ()), Err(LoadError::BadName { .. })));
}

#[test]
fn a_damaged_blob_is_not_copied() {
    let (_directory, store) = store();
    let (_other, layout) = support::layout();
    let layer = put_layer(&layout, &[("file", "x")]);
    let (descriptor, bytes) = support::manifest(&layout, "amd64", std::slice::from_ref(&layer));
    layout.put_document(&layout.image_name(None), &descriptor, &bytes).unwrap();
    let image = resolved(&layout, &layout.image_name(None));
    let path = blob_path(layout.root(), &layer.descriptor.digest);
    let mut content = fs_err::read(&path).unwrap();
    content[20] ^= 1;
    fs_err::write(&path, content).unwrap();
    let result = copy_image(&image, &layout, &store, &name("app"), &|_| ());
    let Err(CopyError::Read { digest, source: SourceError::Corrupt { .. } }) = result else { panic!("{result:?}") };
    assert_eq!(digest, layer.descriptor.digest);
    assert!(!store.has_blob(&layer.descriptor.digest).unwrap());
    assert!(store.images().unwrap().is_empty());
    let wrong = ImageName::from(Target::Layout { path: "x".into(), name: None });
    assert!(matches!(store.put_document(&wrong, &descriptor, &bytes), Err(SinkError::WrongName { .. })));
}

#[test]
fn skopeo_reads_what_is_written() {
    if !Path::new("/usr/bin/skopeo").exists() {
        println!("SKIP: needs skopeo");
        return;
    }
    let (directory, store) = store();
    put_image(&store, &name("app"), &["one", "two"]);
    let image = resolved(&store, &name("app"));
    let layout = Layout::create_or_open(&directory.path().join("layout")).unwrap();
    let skopeo = |arguments: &[&str]| {
        let output = Command::new("/usr/bin/skopeo").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let path = layout.root().display().to_string();
    copy_image(&image, &store, &layout, &layout.image_name(None), &|_| ()).unwrap();
    assert!(skopeo(&["inspect", &format!("oci:{path}")]).contains(&image.digest().to_string()));
    copy_image(&image, &store, &layout, &layout.image_name(Some("second")), &|_| ()).unwrap();
    assert!(skopeo(&["inspect", &format!("oci:{path}:second")]).contains(&image.digest().to_string()));
    // And the other way round.
    let copy = directory.path().join("copy");
    skopeo(&["copy", &format!("oci:{path}:second"), &format!("oci:{}:third", copy.display())]);
    let copy = Layout::open(&copy).unwrap();
    assert_eq!(resolved(&copy, &copy.image_name(Some("third"))).digest(), image.digest());
}

#[test]
fn a_layout_is_made_with_its_first_image() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("deep/er/layout");
    let draft = Layout::begin(&root).unwrap();
    support::put_bytes(&draft, "", b"a blob that no image is made of");
    assert!(matches!(Layout::open(&root), Err(LayoutError::Absent { .. })));
    drop(draft);
    assert_eq!(list(directory.path()), [""; 0], "no image was finished");

    let draft = Layout::begin(&root).unwrap();
    let names = [Some("a"), Some("b")]
        .map(|name| ImageName::from(Target::Layout { path: root.clone(), name: name.map(str::to_owned) }));
    let first = put_image(&draft, &names[0], &["a"]);
    assert_eq!(Layout::open(&root).unwrap().names().unwrap(), ["a"]);
    put_image(&draft, &names[1], &["a", "b"]);
    drop(draft);
    let layout = Layout::open(&root).unwrap();
    assert_eq!(resolved(&layout, &names[0]).digest(), &first.digest);
    assert_eq!(resolved(&layout, &names[1]).layers().len(), 2);
    assert_eq!(list(&root), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn a_layout_is_as_it_was_where_no_image_is_finished() {
    let (_directory, layout) = support::layout();
    put_image(&layout, &layout.image_name(Some("a")), &["a"]);
    let before = (list(&layout.root().join("blobs/sha256")), fs_err::read(layout.root().join("index.json")).unwrap());
    let draft = Layout::begin(layout.root()).unwrap();
    assert!(draft.has_blob(&resolved(&layout, &layout.image_name(None)).layers()[0].descriptor.digest).unwrap());
    support::put_bytes(&draft, "", b"other");
    drop(draft);
    let after = (list(&layout.root().join("blobs/sha256")), fs_err::read(layout.root().join("index.json")).unwrap());
    assert_eq!(before, after);
    assert_eq!(list(layout.root()), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn drafts_at_once_lose_nothing() {
    for round in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("layout");
        std::thread::scope(|scope| {
            for number in 0..6 {
                let root = &root;
                scope.spawn(move || {
                    let draft = Layout::begin(root).unwrap();
                    let name = Target::Layout { path: root.clone(), name: Some(number.to_string()) };
                    // Some give up.
                    if number % 2 == 0 {
                        put_image(&draft, &name.into(), &["x", &number.to_string()]);
                    }
                });
            }
        });
        let mut names = Layout::open(&root).unwrap().names().unwrap();
        names.sort();
        assert_eq!(names, ["0", "2", "4"], "{round}");
        assert_eq!(list(&root), ["blobs", "index.json", "oci-layout"], "{round}");
    }
}

#[test]
fn what_killed_drafts_leave_goes() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("layout");
    let living = Layout::begin(&root).unwrap();
    for (name, file) in [("dead", "lock"), ("older", "sha256-x")] {
        let left = root.join(format!(".baler-{name}"));
        fs_err::create_dir(&left).unwrap();
        fs_err::write(left.join("lock"), "").unwrap();
        fs_err::write(left.join(file), "").unwrap();
    }
    fs_err::create_dir(root.join(".baler-empty")).unwrap();
    let image = ImageName::from(Target::Layout { path: root.clone(), name: None });
    put_image(&Layout::begin(&root).unwrap(), &image, &["a"]);
    assert_eq!(list(&root).len(), 4, "{:?}", list(&root));
    drop(living);
    assert_eq!(list(&root), ["blobs", "index.json", "oci-layout"]);
}
