//! What a classic daemon or Podman loads: config, layers and `manifest.json`. Lower layers that the daemon has already are
//! sent as empty files, which it does not look into.

use std::io::Write;
use std::path::Path;

use baler_image::{Descriptor, Manifest, Source};
use baler_layer::tar::{Attributes, Owner, TarWriter};
use baler_store::WriteArchiveError;
use serde::Serialize;

/// An image on its way to a daemon.
pub(crate) struct Increment<'a> {
    pub(crate) manifest: &'a Manifest,
    /// Names as the daemon has them.
    pub(crate) names: Vec<String>,
    /// So many of the lower layers the daemon has.
    pub(crate) held: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl Increment<'_> {
    /// Writes the archive; blobs are read from `source`.
    pub(crate) fn write(&self, source: &dyn Source, output: &mut dyn Write) -> Result<(), WriteArchiveError> {
        let attributes = Attributes::new(0o644, Owner::ROOT);
        let mut tar = TarWriter::new(output);
        let config = format!("{}.json", self.manifest.config.digest.hex());
        let layers: Vec<String> =
            (0..).zip(&self.manifest.layers).map(|(position, _)| format!("{position}.tar")).collect();
        let item = Item { config: config.clone(), repo_tags: self.names.clone(), layers: layers.clone() };
        let items = serde_json::to_vec(&[item]).map_err(|source| WriteArchiveError::Document { source })?;
        tar.file_of_bytes(Path::new("manifest.json"), &attributes, &items)?;
        let open = |blob: &Descriptor| {
            source.blob(blob).map_err(|source| WriteArchiveError::Read { digest: blob.digest.clone(), source })
        };
        let at = &self.manifest.config;
        tar.file(Path::new(&config), &attributes, at.size, open(at)?)?;
        for (position, (name, layer)) in layers.iter().zip(&self.manifest.layers).enumerate() {
            if position < self.held {
                tar.file_of_bytes(Path::new(name), &attributes, &[])?;
            } else {
                tar.file(Path::new(name), &attributes, layer.size, open(layer)?)?;
            }
        }
        tar.finish()?.flush().map_err(|source| WriteArchiveError::Flush { source })
    }
}
