//! Small images with real layers.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod damaging;

use std::io::Write;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use baler_image::{
    Descriptor, Digest, ImageName, Layer, Platform, ResolvedImage, Sink, Source, Wanted, media_type, resolve,
};
use baler_layer::sink::compress;
use baler_layer::tar::{Attributes, Owner, TarError, TarWriter};
use baler_sandbox::{IdMap, Identity, SandboxProgram};
use baler_store::{Layout, Store};
use serde_json::json;

/// A store in a new directory.
pub fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("store"));
    (directory, store)
}

/// A layout in a new directory.
pub fn layout() -> (tempfile::TempDir, Layout) {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create_or_open(&directory.path().join("layout")).unwrap();
    (directory, layout)
}

pub fn open(root: &Path) -> Store {
    Store::open(root, SandboxProgram::current()).unwrap()
}

pub fn single() -> IdMap {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    IdMap::single(&Identity { uid, gid, user_name: None }, (1000, 1000))
}

pub fn name(text: &str) -> ImageName {
    text.parse().unwrap()
}

/// Writes a layer with a directory and some files, `etc/<file>` each.
pub fn put_layer(sink: &dyn Sink, files: &[(&str, &str)]) -> Layer {
    put_tar(sink, &|tar| {
        tar.directory(Path::new("etc"), &Attributes::new(0o755, Owner::ROOT))?;
        for (file, content) in files {
            let attributes = Attributes::new(0o640, Owner::new(7, 8));
            tar.file(&Path::new("etc").join(file), &attributes, content.len() as u64, content.as_bytes())?;
        }
        Ok(())
    })
}

type Entries<'a> = &'a dyn Fn(&mut TarWriter<&mut dyn Write>) -> Result<(), TarError>;

/// Writes a layer with these entries.
pub fn put_tar(sink: &dyn Sink, entries: Entries<'_>) -> Layer {
    let mut writer = sink.begin_blob().unwrap();
    let produce = |output: &mut dyn Write| -> Result<(), TarError> {
        let mut tar = TarWriter::new(output);
        entries(&mut tar)?;
        tar.finish().map(drop)
    };
    let compressed = compress(NonZeroUsize::MIN, &mut writer, produce).unwrap();
    writer.commit(&compressed.digest, compressed.size).unwrap();
    let descriptor = Descriptor::new(media_type::OCI_LAYER_GZIP, compressed.size, compressed.digest);
    Layer { descriptor, diff_id: compressed.diff_id }
}

/// Two layers: the lower says that `tmp` is everybody's and `home` is the build user's, the upper has a file in each.
pub fn put_covering_layers(sink: &dyn Sink) -> [Layer; 2] {
    let lower = put_tar(sink, &|tar| {
        tar.directory(Path::new("tmp"), &Attributes::new(0o1777, Owner::ROOT))?;
        tar.directory(Path::new("home"), &Attributes::new(0o750, Owner::new(1000, 1000)))
    });
    let upper = put_tar(sink, &|tar| {
        let attributes = Attributes::new(0o644, Owner::ROOT);
        tar.file(Path::new("tmp/file"), &attributes, 0, &b""[..])?;
        tar.file(Path::new("home/file"), &attributes, 0, &b""[..])
    });
    [lower, upper]
}

pub fn put_bytes(sink: &dyn Sink, media_type: &str, bytes: &[u8]) -> Descriptor {
    let descriptor = Descriptor::of(media_type, bytes);
    let mut writer = sink.begin_blob().unwrap();
    writer.write_all(bytes).unwrap();
    writer.commit(&descriptor.digest, descriptor.size).unwrap();
    descriptor
}

/// The manifest of an image with these layers, for `linux/<architecture>`; its config is written, itself it is not.
pub fn manifest(sink: &dyn Sink, architecture: &str, layers: &[Layer]) -> (Descriptor, Vec<u8>) {
    let diff_ids: Vec<&Digest> = layers.iter().map(|layer| &layer.diff_id).collect();
    let config = json!({
        "architecture": architecture, "os": "linux", "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = put_bytes(sink, media_type::OCI_CONFIG, config.to_string().as_bytes());
    let layers: Vec<&Descriptor> = layers.iter().map(|layer| &layer.descriptor).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers,
    });
    let bytes = manifest.to_string().into_bytes();
    let descriptor = Descriptor {
        platform: Some(Platform::new("linux", architecture)),
        ..Descriptor::of(media_type::OCI_MANIFEST, &bytes)
    };
    (descriptor, bytes)
}

/// An index of images whose manifests are written.
pub fn index(manifests: &[Descriptor]) -> (Descriptor, Vec<u8>) {
    let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests });
    let bytes = index.to_string().into_bytes();
    (Descriptor::of(media_type::OCI_INDEX, &bytes), bytes)
}

/// An image with one layer for each of `contents`.
pub fn put_image(sink: &dyn Sink, image: &ImageName, contents: &[&str]) -> Descriptor {
    let layers: Vec<Layer> = contents.iter().map(|content| put_layer(sink, &[("file", content)])).collect();
    let (descriptor, bytes) = manifest(sink, "amd64", &layers);
    sink.put_document(image, &descriptor, &bytes).unwrap();
    descriptor
}

pub fn resolved(source: &dyn Source, image: &ImageName) -> ResolvedImage {
    resolve(image, &Wanted::Exactly(Platform::new("linux", "amd64")), source).unwrap()
}

/// Where a blob lies below the root of a store or layout.
pub fn blob_path(root: &Path, digest: &Digest) -> std::path::PathBuf {
    root.join("blobs/sha256").join(digest.hex())
}

/// Writes a blob's file anew, as damage to the disk would.
pub fn damage(path: &Path, bytes: &[u8]) {
    fs_err::remove_file(path).unwrap();
    fs_err::write(path, bytes).unwrap();
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o444)).unwrap();
}

/// What lies in a directory, sorted.
pub fn list(directory: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
