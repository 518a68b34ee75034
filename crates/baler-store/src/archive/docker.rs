//! `manifest.json` of Docker archives: images as config and layers. Each gets a manifest that is made up from these.
//!
//! An uncompressed layer is known by its diffID; of a compressed one the digest is found by reading it.

use std::collections::BTreeMap;
use std::io::Read;

use baler_image::{Descriptor, Digest, ImageConfig, Manifest, media_type};
use baler_layer::apply::Compression;
use serde::{Deserialize, Serialize};

use super::files::Files;
use super::section::Extent;
use super::{ArchiveError, Contents};
use crate::layout::{CONTAINERD_NAME, Listed};

/// The file.
pub(super) const MANIFEST: &str = "manifest.json";

/// One image.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Item {
    pub(super) config: String,
    #[serde(default)]
    pub(super) repo_tags: Option<Vec<String>>,
    #[serde(default)]
    pub(super) layers: Option<Vec<String>>,
}

/// What the archive has.
pub(super) fn contents(files: &Files) -> Result<Contents, ArchiveError> {
    let items: Vec<Item> = files.parse(MANIFEST, &files.bytes(MANIFEST)?)?;
    let mut reading = Reading { files, contents: Contents::default(), compressed: BTreeMap::new() };
    for item in &items {
        reading.image(item)?;
    }
    Ok(reading.contents)
}

struct Reading<'a> {
    files: &'a Files,
    contents: Contents,
    /// Digests of compressed layers that were read.
    compressed: BTreeMap<Extent, Digest>,
}

impl Reading<'_> {
    fn image(&mut self, item: &Item) -> Result<(), ArchiveError> {
        let raw = self.files.bytes(&item.config)?;
        let config: ImageConfig = self.files.parse(&item.config, &raw)?;
        let config_at = Descriptor::of(media_type::OCI_CONFIG, &raw);
        self.contents.blobs.insert(config_at.digest.clone(), self.files.expect(&item.config)?);
        let paths = item.layers.as_deref().unwrap_or_default();
        let diff_ids = &config.rootfs.diff_ids;
        if paths.len() != diff_ids.len() {
            let (path, id) = (self.files.path().to_owned(), config_at.digest);
            return Err(ArchiveError::LayerCount { path, id, layers: paths.len(), diff_ids: diff_ids.len() });
        }
        let layers = paths.iter().zip(diff_ids).map(|(path, diff_id)| self.layer(path, diff_id));
        let layers = layers.collect::<Result<_, _>>()?;
        let id = config_at.digest.clone();
        let (annotations, extra) = (BTreeMap::new(), BTreeMap::new());
        let media_type = Some(media_type::OCI_MANIFEST.to_owned());
        let manifest = Manifest { schema_version: 2, media_type, config: config_at, layers, annotations, extra };
        let document = serde_json::to_vec(&manifest).map_err(|source| ArchiveError::Malformed {
            path: self.files.path().to_owned(),
            name: item.config.clone(),
            source,
        })?;
        let mut descriptor = Descriptor::of(media_type::OCI_MANIFEST, &document);
        descriptor.platform = config.platform();
        self.contents.documents.insert(descriptor.digest.clone(), document);
        self.list(&descriptor, &id, item.repo_tags.as_deref().unwrap_or_default());
        Ok(())
    }

    /// Lists the image under each of its names, or without one.
    fn list(&mut self, descriptor: &Descriptor, id: &Digest, names: &[String]) {
        for name in names {
            let mut descriptor = descriptor.clone();
            descriptor.annotations.insert(CONTAINERD_NAME.to_owned(), name.clone());
            self.contents.listed.push(Listed { descriptor, digest: id.clone() });
        }
        if names.is_empty() {
            self.contents.listed.push(Listed { descriptor: descriptor.clone(), digest: id.clone() });
        }
    }

    fn layer(&mut self, path: &str, diff_id: &Digest) -> Result<Descriptor, ArchiveError> {
        let extent = self.files.expect(path)?;
        let failed = |source| ArchiveError::Read { path: self.files.path().to_owned(), name: path.to_owned(), source };
        let mut start = Vec::new();
        self.files.section(extent).take(4).read_to_end(&mut start).map_err(failed)?;
        let media_type = match Compression::of(&start) {
            Compression::None => media_type::OCI_LAYER,
            Compression::Gzip => media_type::OCI_LAYER_GZIP,
            Compression::Zstd => media_type::OCI_LAYER_ZSTD,
        };
        let digest = match (media_type, self.compressed.get(&extent)) {
            (media_type::OCI_LAYER, _) => diff_id.clone(),
            (_, Some(digest)) => digest.clone(),
            (_, None) => {
                let digest = self.files.section(extent).digest().map_err(failed)?;
                self.compressed.insert(extent, digest.clone());
                digest
            }
        };
        self.contents.blobs.insert(digest.clone(), extent);
        Ok(Descriptor::new(media_type, extent.size, digest))
    }
}
