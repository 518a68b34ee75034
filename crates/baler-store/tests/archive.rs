//! OCI and Docker archives as source and sink: ours, those of other tools, and damaged ones.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use baler_image::{
    ArchiveKind, Digest, Identity, ImageName, Layer, Place, Platform, ResolveError, Sink, SinkError, Source,
    SourceError, Target, Wanted, resolve,
};
use baler_layer::apply::plain;
use baler_layer::tar::{Attributes, Owner, TarWriter};
use baler_store::fuzzing::read_archive;
use baler_store::{Archive, ArchiveError, ArchiveSink, LoadError, Store, copy_image, load_archive};
use serde_json::json;
use support::{list, name, put_image, put_layer, resolved, store};

const KINDS: [ArchiveKind; 2] = [ArchiveKind::Docker, ArchiveKind::Oci];

fn in_archive(kind: ArchiveKind, path: &Path, image: Option<&str>) -> ImageName {
    ImageName::from(Target::Archive { kind, path: path.to_owned(), name: image.map(str::to_owned) })
}

#[test]
fn an_image_goes_to_an_archive_and_back() {
    for kind in KINDS {
        let (directory, store) = store();
        let tag = name("registry.example/app:1");
        let descriptor = put_image(&store, &tag, &["one", "two", "one"]);
        let image = resolved(&store, &tag);
        let path = directory.path().join("app.tar");
        let sink = ArchiveSink::begin(kind, &path, &store).unwrap();
        copy_image(&image, &store, &sink, &tag, &|_| ()).unwrap();
        copy_image(&image, &store, &sink, &in_archive(kind, &path, Some("app:second")), &|_| ()).unwrap();
        drop(sink);
        assert_eq!(list(directory.path()), ["app.tar", "store"]);

        let archive = Archive::open(&path, Some(kind), &store).unwrap();
        for found in [None, Some("registry.example/app:1"), Some("app:second"), Some(&descriptor.digest.to_string())] {
            let copy = resolved(&archive, &in_archive(kind, &path, found));
            assert_eq!((copy.digest(), &copy.manifest().raw), (&descriptor.digest, &image.manifest().raw));
            assert_eq!(copy.identity(), &Identity::Manifest(descriptor.digest.clone()));
            assert_eq!(copy.place(), &Place::Archive { kind, path: path.clone() });
        }
        let (_other, target) = support::store();
        let loaded = load_archive(&target, &archive, None, &|_| ()).unwrap();
        let names: Vec<String> = loaded.iter().map(|image| image.reference.familiar()).collect();
        assert_eq!(names, ["registry.example/app:1", "app:second"]);
        assert_eq!(resolved(&target, &tag).digest(), &descriptor.digest);
        let missing = resolve(&in_archive(kind, &path, Some("other")), &wanted(), &archive);
        assert!(matches!(missing, Err(ResolveError::NotFound { .. })));
    }
}

fn wanted() -> Wanted {
    Wanted::Exactly(Platform::new("linux", "amd64"))
}

/// An archive as `docker save` made it before version 25: `<id>/layer.tar`, a layer that occurs twice as a link.
struct OldArchive {
    tar: TarWriter<Vec<u8>>,
    items: Vec<serde_json::Value>,
}

const ATTRIBUTES: Attributes = Attributes::new(0o644, Owner::ROOT);

impl OldArchive {
    fn new() -> Self {
        Self { tar: TarWriter::new(Vec::new()), items: Vec::new() }
    }

    /// Adds an image whose layers are `layers`, of which the second is a link to the first; tells its id.
    fn add(&mut self, layers: &[(&Layer, Vec<u8>)], names: &[&str]) -> Digest {
        let diff_ids: Vec<_> = layers.iter().map(|(layer, _)| &layer.diff_id).collect();
        let config = json!({ "architecture": "amd64", "os": "linux", "config": {"Env": names}, "rootfs": { "type": "layers", "diff_ids": diff_ids } });
        let config = config.to_string().into_bytes();
        let id = Digest::of(&config);
        let mut paths = Vec::new();
        for (position, (_, tar)) in layers.iter().enumerate() {
            let directory = format!("{}{position}", id.short());
            let path = format!("{directory}/layer.tar");
            self.tar.directory(Path::new(&directory), &Attributes::new(0o755, Owner::ROOT)).unwrap();
            if position == 1 {
                let target = format!("../{}0/layer.tar", id.short());
                self.tar.symlink(Path::new(&path), Path::new(&target), &ATTRIBUTES).unwrap();
            } else {
                self.tar.file_of_bytes(Path::new(&path), &ATTRIBUTES, tar).unwrap();
            }
            paths.push(path);
        }
        let name = format!("{}.json", id.hex());
        self.tar.file_of_bytes(Path::new(&name), &ATTRIBUTES, &config).unwrap();
        let names = if names.is_empty() { serde_json::Value::Null } else { json!(names) };
        self.items.push(json!({ "Config": name, "RepoTags": names, "Layers": paths }));
        id
    }

    fn finish(mut self) -> Vec<u8> {
        let manifest = serde_json::to_vec(&self.items).unwrap();
        self.tar.file_of_bytes(Path::new("manifest.json"), &ATTRIBUTES, &manifest).unwrap();
        self.tar.finish().unwrap()
    }
}

/// A layer of the store, and its tar.
fn layer(store: &Store, content: &str) -> (Layer, Vec<u8>) {
    let layer = put_layer(store, &[("file", content)]);
    let mut tar = Vec::new();
    plain(store.blob(&layer.descriptor).unwrap()).unwrap().read_to_end(&mut tar).unwrap();
    (layer, tar)
}

fn write(directory: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join("old.tar");
    fs_err::write(&path, bytes).unwrap();
    path
}

#[test]
fn an_old_archive_knows_images_by_their_ids() {
    let (directory, store) = store();
    let (one, tar) = layer(&store, "one");
    let mut old = OldArchive::new();
    let id = old.add(&[(&one, tar.clone()), (&one, tar.clone())], &["app:1", "registry.example/app:2"]);
    let path = write(&directory, &old.finish());
    let archive = Archive::open(&path, None, &store).unwrap();
    let id_text = id.to_string();
    for found in [None, Some("app:1"), Some("docker.io/library/app:1"), Some("registry.example/app:2"), Some(&id_text)]
    {
        let image = resolved(&archive, &in_archive(ArchiveKind::Docker, &path, found));
        assert_eq!(image.identity(), &Identity::ImageId(id.clone()), "{found:?}");
        assert_eq!(Digest::of(image.raw_config()), id);
        assert_eq!(image.layers().len(), 2);
        for layer in image.layers() {
            assert_eq!((&layer.descriptor.digest, layer.descriptor.size), (&one.diff_id, tar.len() as u64));
            let mut read = Vec::new();
            archive.blob(&layer.descriptor).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, tar);
        }
    }
    // In a store it gets a manifest for good.
    let (_other, target) = support::store();
    load_archive(&target, &archive, None, &|_| ()).unwrap();
    let image = resolved(&target, &name("app:1"));
    assert_eq!(image.identity(), &Identity::Manifest(image.digest().clone()));
    assert_eq!(Digest::of(image.raw_config()), id);
    let unpacked = target.unpack(image.layers(), &target, &support::single(), &|_| ()).unwrap();
    assert_eq!(fs_err::read_to_string(unpacked.lower[0].join("etc/file")).unwrap(), "one");
}

#[test]
fn several_images_need_a_name() {
    let (directory, store) = store();
    let ((one, first), (two, second)) = (layer(&store, "one"), layer(&store, "two"));
    let mut old = OldArchive::new();
    old.add(&[(&one, first)], &["app:1"]);
    let unnamed = old.add(&[(&two, second)], &[]);
    let path = write(&directory, &old.finish());
    let archive = Archive::open(&path, None, &store).unwrap();
    let any = in_archive(ArchiveKind::Docker, &path, None);
    let Err(ResolveError::Source { source: SourceError::Ambiguous { names, .. }, .. }) =
        resolve(&any, &wanted(), &archive)
    else {
        panic!("not ambiguous")
    };
    assert_eq!(names, ["app:1".to_owned(), unnamed.to_string()]);
    let found = resolved(&archive, &in_archive(ArchiveKind::Docker, &path, Some(&unnamed.to_string())));
    assert_eq!(found.identity().digest(), &unnamed);
    let error = load_archive(&store, &archive, Some(&"app".parse().unwrap()), &|_| ()).unwrap_err();
    assert!(matches!(error, LoadError::Several { .. }), "{error}");
}

#[test]
fn compressed_archives_and_compressed_layers() {
    let (directory, store) = store();
    let (one, tar) = layer(&store, "one");
    let mut compressed = Vec::new();
    store.blob(&one.descriptor).unwrap().read_to_end(&mut compressed).unwrap();
    for content in [tar, compressed] {
        let mut old = OldArchive::new();
        let id = old.add(&[(&one, content.clone())], &["app:1"]);
        let plain_path = write(&directory, &old.finish());
        let packed = Command::new("gzip").arg("--keep").arg("--force").arg(&plain_path).status();
        assert!(packed.unwrap().success());
        for path in [plain_path.clone(), plain_path.with_extension("tar.gz")] {
            let archive = Archive::open(&path, Some(ArchiveKind::Docker), &store).unwrap();
            let image = resolved(&archive, &in_archive(ArchiveKind::Docker, &path, None));
            assert_eq!(image.identity(), &Identity::ImageId(id.clone()));
            let mut read = Vec::new();
            archive.blob(&image.layers()[0].descriptor).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, content);
        }
    }
    drop(store);
    assert_eq!(list(&directory.path().join("store/tmp")), [""; 0], "nothing is left of what was decompressed");
}

#[test]
fn what_is_no_sound_archive_is_refused() {
    let (directory, store) = store();
    let (one, tar) = layer(&store, "one");
    let open = |bytes: &[u8], kind| match Archive::open(&write(&directory, bytes), kind, &store) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    };
    let image = || {
        let mut old = OldArchive::new();
        old.add(&[(&one, tar.clone())], &["app:1"]);
        old
    };
    let whole = image().finish();
    assert!(matches!(open(b"no tar", None), ArchiveError::NotATar { .. }));
    assert!(matches!(open(&[0; 1024], None), ArchiveError::NoImages { .. }));
    assert!(matches!(open(&whole[..1100], None), ArchiveError::Truncated { .. }));
    let Err(absent) = Archive::open(Path::new("/none"), None, &store) else { panic!("it was opened") };
    assert!(matches!(absent, ArchiveError::Absent { .. }));
    let error = open(&whole, Some(ArchiveKind::Oci));
    assert!(error.to_string().ends_with("was named as OCI archive, but it is of the kind Docker archive"), "{error}");
    let mut more = image();
    more.items[0]["Layers"] = json!(["a", "b"]);
    assert!(matches!(open(&more.finish(), None), ArchiveError::LayerCount { layers: 2, diff_ids: 1, .. }));
    let mut other = image();
    other.items[0]["Layers"] = json!(["../../etc/passwd"]);
    assert!(matches!(open(&other.finish(), None), ArchiveError::NoFile { .. }));
    // A layer that is not what its diffID says.
    let mut old = OldArchive::new();
    old.add(&[(&one, b"something else".to_vec())], &["app:1"]);
    let path = write(&directory, &old.finish());
    let archive = Archive::open(&path, None, &store).unwrap();
    let image = resolved(&archive, &in_archive(ArchiveKind::Docker, &path, None));
    let mut read = Vec::new();
    let error = archive.blob(&image.layers()[0].descriptor).unwrap().read_to_end(&mut read).unwrap_err();
    assert!(matches!(error.downcast::<SourceError>(), Ok(SourceError::Corrupt { .. })));
}

#[test]
fn an_archive_with_sparse_files_is_refused() {
    let (directory, store) = store();
    let pack = "mkdir a; truncate -s 1000000 a/hole; tar --create --sparse --file archive.tar --directory a hole";
    let packed = std::process::Command::new("sh").args(["-c", pack]).current_dir(directory.path()).status().unwrap();
    assert!(packed.success());
    let refused = Archive::open(&directory.path().join("archive.tar"), None, &store);
    let Err(error) = refused else { panic!("it was opened") };
    assert!(error.to_string().ends_with("archive.tar has hole as a sparse file: pack it without"), "{error}");
}

#[test]
fn a_sink_that_fails_leaves_what_was_there() {
    let (directory, store) = store();
    let descriptor = put_image(&store, &name("app"), &["one"]);
    let image = resolved(&store, &name("app"));
    let path = directory.path().join("app.tar");
    fs_err::write(&path, "what was there").unwrap();
    let sink = ArchiveSink::begin(ArchiveKind::Docker, &path, &store).unwrap();
    let result = sink.put_document(&name("app"), &descriptor, &image.manifest().raw);
    assert!(matches!(result, Err(SinkError::MissingBlob { .. })), "{result:?}");
    let bad = in_archive(ArchiveKind::Docker, &path, Some("No Reference"));
    copy_image(&image, &store, &sink, &bad, &|_| ()).unwrap_err();
    assert_eq!(fs_err::read_to_string(&path).unwrap(), "what was there");
    assert_eq!(list(directory.path()), ["app.tar", "store"]);
}

#[test]
fn other_tools_read_and_write_the_same() {
    if !Path::new("/usr/bin/skopeo").exists() {
        println!("SKIP: needs skopeo");
        return;
    }
    let skopeo = |arguments: &[&str]| {
        let output = Command::new("/usr/bin/skopeo").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (directory, store) = store();
    put_image(&store, &name("app"), &["one", "two"]);
    let image = resolved(&store, &name("app"));
    let id = Digest::of(image.raw_config());
    for (kind, prefix) in [(ArchiveKind::Docker, "docker-archive"), (ArchiveKind::Oci, "oci-archive")] {
        if kind == ArchiveKind::Oci && !rustix::process::geteuid().is_root() {
            println!("SKIP: needs root: skopeo gives what it unpacks of an OCI archive to the owners in it");
            continue;
        }
        let path = directory.path().join("app.tar");
        let sink = ArchiveSink::begin(kind, &path, &store).unwrap();
        copy_image(&image, &store, &sink, &name("app"), &|_| ()).unwrap();
        let config = skopeo(&["inspect", "--config", "--raw", &format!("{prefix}:{}", path.display())]);
        assert_eq!(Digest::of(config.as_bytes()), id, "{prefix}");
        let copy = directory.path().join(format!("{prefix}.tar"));
        let [from, to] = [&path, &copy].map(|path| format!("{prefix}:{}", path.display()));
        skopeo(&["copy", &from, &format!("{to}:registry.example/copy:1")]);
        let archive = Archive::open(&copy, Some(kind), &store).unwrap();
        let found = resolved(&archive, &in_archive(kind, &copy, Some("registry.example/copy:1")));
        assert_eq!(Digest::of(found.raw_config()), id, "{prefix}");
        for layer in found.layers() {
            let mut bytes = Vec::new();
            archive.blob(&layer.descriptor).unwrap().read_to_end(&mut bytes).unwrap();
        }
    }
}

#[test]
fn the_corpus_of_archive() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/archive");
    let mut count = 0;
    for entry in fs_err::read_dir(corpus).unwrap() {
        let scratch = tempfile::tempdir().unwrap();
        read_archive(&fs_err::read(entry.unwrap().path()).unwrap(), scratch.path());
        count += 1;
    }
    assert!(count > 3, "the corpus is there");
}

#[test]
fn damaged_copies_of_a_small_archive_do_no_harm() {
    let (_directory, store) = store();
    let (one, tar) = layer(&store, "one");
    let mut old = OldArchive::new();
    old.add(&[(&one, tar)], &["app:1"]);
    let whole = old.finish();
    let scratch = tempfile::tempdir().unwrap();
    let mut position = 0;
    while position < whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x55;
        read_archive(&damaged, scratch.path());
        read_archive(&whole[..position], scratch.path());
        position += 97;
    }
}
