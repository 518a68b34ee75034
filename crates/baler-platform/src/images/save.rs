//! An image as an archive that `docker load` and `podman load` read: `manifest.json`, the config, and a file for each
//! layer, compressed as it is.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use baler_image::{ImageName, ResolvedImage, Source, SourceError};
use baler_layer::tar::{Attributes, Owner, TarError, TarWriter};
use serde::Serialize;

/// Why an image could not be saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    #[error("could not read a layer")]
    Read(#[from] SourceError),
    #[error("could not write the archive")]
    Write(#[from] TarError),
    #[error("could not write the archive")]
    Flush(#[from] io::Error),
    #[error("could not write the archive's manifest")]
    Manifest(#[from] serde_json::Error),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Writes `image`, whose blobs are in `source`.
pub fn save(image: &ResolvedImage, source: &dyn Source, output: &mut dyn Write) -> Result<(), SaveError> {
    let attributes = Attributes::new(0o644, Owner::ROOT);
    let mut tar = TarWriter::new(output);
    let config = format!("{}.json", image.manifest().value.config.digest.hex());
    let raw = image.raw_config();
    tar.file(Path::new(&config), &attributes, raw.len() as u64, raw)?;
    let mut written = BTreeSet::new();
    let mut layers = Vec::new();
    for layer in image.layers() {
        let name = format!("{}.tar.gz", layer.descriptor.digest.hex());
        if written.insert(name.clone()) {
            let blob = source.blob(&layer.descriptor)?;
            tar.file(Path::new(&name), &attributes, layer.descriptor.size, blob)?;
        }
        layers.push(name);
    }
    let entry = Entry { config, repo_tags: tags(image.name()), layers };
    let manifest = serde_json::to_vec(&[entry])?;
    tar.file(Path::new("manifest.json"), &attributes, manifest.len() as u64, manifest.as_slice())?;
    tar.finish()?.flush()?;
    Ok(())
}

/// Docker keeps an image under the names in the archive; one without a tag has none.
fn tags(name: &ImageName) -> Vec<String> {
    let reference = name.reference().filter(|reference| reference.tag().is_some() && reference.digest().is_none());
    reference.map(baler_image::Reference::familiar).into_iter().collect()
}
