//! Small images with real layers, in a layout.

use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;

use baler_image::{
    Descriptor, Digest, ImageName, Layer, Platform, ResolvedImage, Sink, Source, Target, Wanted, media_type, resolve,
};
use baler_layer::apply::plain;
use baler_layer::sink::compress;
use baler_layer::tar::{Attributes, Owner, TarError, TarWriter};
use baler_store::{Layout, copy_image};
use serde_json::json;

use crate::engine::Running;

/// A layout in a directory of its own.
pub struct Images {
    _directory: tempfile::TempDir,
    pub layout: Layout,
}

impl Images {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::create_or_open(&directory.path().join("layout")).unwrap();
        Self { _directory: directory, layout }
    }

    fn put(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        let mut writer = self.layout.begin_blob().unwrap();
        writer.write_all(bytes).unwrap();
        writer.commit(&descriptor.digest, descriptor.size).unwrap();
        descriptor
    }

    fn layer(&self, content: &str) -> Layer {
        let mut writer = self.layout.begin_blob().unwrap();
        let produce = |output: &mut dyn Write| -> Result<(), TarError> {
            let mut tar = TarWriter::new(output);
            tar.file_of_bytes(Path::new("file"), &Attributes::new(0o644, Owner::ROOT), content.as_bytes())?;
            tar.finish().map(drop)
        };
        let compressed = compress(NonZeroUsize::MIN, &mut writer, produce).unwrap();
        writer.commit(&compressed.digest, compressed.size).unwrap();
        let descriptor = Descriptor::new(media_type::OCI_LAYER_GZIP, compressed.size, compressed.digest);
        Layer { descriptor, diff_id: compressed.diff_id }
    }

    /// Writes the manifest of an image with one layer for each of `contents`.
    pub fn manifest(&self, architecture: &str, contents: &[&str]) -> Descriptor {
        let layers: Vec<Layer> = contents.iter().map(|content| self.layer(content)).collect();
        let diff_ids: Vec<&Digest> = layers.iter().map(|layer| &layer.diff_id).collect();
        // What nobody but us writes must come back, too: it is part of the image's identity.
        let config = json!({
            "architecture": architecture, "os": "linux", "created": "1980-01-01T00:00:01Z", "x": [1, "<&>"],
            "config": {}, "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = self.put(media_type::OCI_CONFIG, config.to_string().as_bytes());
        let layers: Vec<&Descriptor> = layers.iter().map(|layer| &layer.descriptor).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers,
        });
        let descriptor = self.put(media_type::OCI_MANIFEST, manifest.to_string().as_bytes());
        Descriptor { platform: Some(Platform::new("linux", architecture)), ..descriptor }
    }

    /// An image of this layout.
    pub fn image(&self, architecture: &str, contents: &[&str]) -> ResolvedImage {
        let manifest = self.manifest(architecture, contents);
        let name = ImageName::from(Target::Layout { path: self.layout.root().to_owned(), name: Some("x".to_owned()) });
        let bytes = self.layout.document(&manifest).unwrap();
        self.layout.put_document(&name, &manifest, &bytes).unwrap();
        resolve(&name, &Wanted::Exactly(Platform::new("linux", architecture)), &self.layout).unwrap()
    }

    /// Loads an image under a name.
    pub fn load(&self, running: &Running, image: &ResolvedImage, name: &str) {
        copy_image(image, &self.layout, &running.sink(), &name.parse().unwrap(), &|_| ()).unwrap();
    }

    /// An archive of an index with these images, of which it holds only some.
    pub fn archive(&self, entries: &[&Descriptor], held: &[&Descriptor], name: &str, path: &Path) -> Digest {
        let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries });
        let index = index.to_string().into_bytes();
        let mut top = Descriptor::of(media_type::OCI_INDEX, &index);
        top.annotations.insert("io.containerd.image.name".to_owned(), name.to_owned());
        let listed = json!({ "schemaVersion": 2, "manifests": [&top] }).to_string();
        let mut tar = TarWriter::new(fs_err::File::create(path).unwrap());
        let mut add = |name: &str, bytes: &[u8]| {
            tar.file_of_bytes(Path::new(name), &Attributes::new(0o644, Owner::ROOT), bytes).unwrap();
        };
        add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        add("index.json", listed.as_bytes());
        add(&format!("blobs/sha256/{}", top.digest.hex()), &index);
        for entry in held {
            let bytes = self.layout.document(entry).unwrap();
            let manifest: baler_image::Manifest = serde_json::from_slice(&bytes).unwrap();
            add(&format!("blobs/sha256/{}", entry.digest.hex()), &bytes);
            for blob in manifest.layers.iter().chain([&manifest.config]) {
                let mut bytes = Vec::new();
                self.layout.blob(blob).unwrap().read_to_end(&mut bytes).unwrap();
                add(&format!("blobs/sha256/{}", blob.digest.hex()), &bytes);
            }
        }
        tar.finish().unwrap();
        top.digest
    }
}

/// Reads all layers, and compares them with what the config says.
pub fn check_layers(image: &ResolvedImage, source: &dyn Source) {
    for layer in image.layers() {
        let mut tar = Vec::new();
        plain(source.blob(&layer.descriptor).unwrap()).unwrap().read_to_end(&mut tar).unwrap();
        assert_eq!(Digest::of(&tar), layer.diff_id);
    }
}
