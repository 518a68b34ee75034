//! Images made in code, for tests.

use std::io;

use baler_image::{Descriptor, Digest, Index, Manifest, Platform, media_type};

use crate::registry::TestRegistry;

/// Bytes that differ everywhere, and from one length to the next.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// An image: its documents and layers, each with what points to it.
#[derive(Clone, Debug)]
pub struct Image {
    pub config: (Descriptor, Vec<u8>),
    pub layers: Vec<(Descriptor, Vec<u8>)>,
    pub manifest: (Descriptor, Vec<u8>),
}

impl Image {
    /// An image for `platform` (`os/architecture`) whose layers are these bytes, said to be gzip. Their diffIDs are those
    /// of nothing.
    pub fn new(platform: &str, layers: Vec<Vec<u8>>) -> Self {
        let (os, architecture) = platform.split_once('/').unwrap_or(("linux", platform));
        let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(Digest::of(layer).hex().as_bytes())).collect();
        let config = serde_json::json!({
            "architecture": architecture, "os": os, "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids}
        });
        let layers = layers.into_iter().map(|bytes| (Descriptor::of(media_type::OCI_LAYER_GZIP, &bytes), bytes));
        Self::of(media_type::OCI_CONFIG, config.to_string().into_bytes(), layers.collect())
    }

    /// An image of this config and these layers, in OCI's types.
    ///
    /// # Panics
    /// Never: a manifest can be written.
    pub fn of(config_type: &str, config: Vec<u8>, layers: Vec<(Descriptor, Vec<u8>)>) -> Self {
        let config = (Descriptor::of(config_type, &config), config);
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media_type::OCI_MANIFEST.to_owned()),
            config: config.0.clone(),
            layers: layers.iter().map(|(descriptor, _)| descriptor.clone()).collect(),
            annotations: std::collections::BTreeMap::default(),
            extra: std::collections::BTreeMap::default(),
        };
        let manifest = serde_json::to_vec(&manifest).expect("a manifest is made of texts and numbers");
        Self { config, layers, manifest: (Descriptor::of(media_type::OCI_MANIFEST, &manifest), manifest) }
    }

    /// The manifest's digest.
    pub fn digest(&self) -> &Digest {
        &self.manifest.0.digest
    }
}

/// An index of images with their platforms.
///
/// # Panics
/// Never: an index can be written.
pub fn index(entries: &[(&str, &Image)]) -> Vec<u8> {
    let entry = |(platform, image): &(&str, &Image)| {
        let platform: Option<Platform> = platform.parse().ok();
        Descriptor { platform, ..image.manifest.0.clone() }
    };
    let index = Index {
        schema_version: 2,
        media_type: Some(media_type::OCI_INDEX.to_owned()),
        manifests: entries.iter().map(entry).collect(),
        annotations: std::collections::BTreeMap::default(),
        extra: std::collections::BTreeMap::default(),
    };
    serde_json::to_vec(&index).expect("an index is made of texts and numbers")
}

impl TestRegistry {
    /// Puts an image into a repository, with a tag or without; gives its digest.
    pub fn push_image(&self, name: &str, tag: Option<&str>, image: &Image) -> io::Result<Digest> {
        for (descriptor, bytes) in image.layers.iter().chain([&image.config]) {
            self.put_blob_as(name, &descriptor.digest, bytes)?;
        }
        self.put_manifest(name, tag, &image.manifest.0.media_type, &image.manifest.1)
    }

    /// Puts images into a repository, and an index of them under a tag; gives the index's digest.
    pub fn push_index(&self, name: &str, tag: &str, entries: &[(&str, &Image)]) -> io::Result<Digest> {
        for (_, image) in entries {
            self.push_image(name, None, image)?;
        }
        self.put_manifest(name, Some(tag), media_type::OCI_INDEX, &index(entries))
    }
}
