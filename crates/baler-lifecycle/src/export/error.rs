//! Why an image could not be exported. Texts that people and scripts know from the reference lifecycle are kept.

use std::path::PathBuf;

use baler_cnb::layer::LayerFileError;
use baler_cnb::metadata::InvalidMetadata;
use baler_image::{Digest, ImageName, LayerCountMismatch, SinkError, SourceError};
use baler_layer::stat_manifest::StatManifestError;
use baler_layer::tar::TarError;

use crate::cache::CacheError;
use crate::files::FileError;
use crate::layers_directory::{LayerId, LayersDirectoryError};

/// Why the image could not be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    #[error("no name is given for the image")]
    NoName,
    #[error("creation time {seconds} is out of range")]
    Created { seconds: i64 },
    #[error("failed to copy buildpacksio SBOMs")]
    Sboms(#[source] FileError),
    #[error("read build metadata")]
    ReadMetadata(#[source] FileError),
    #[error("read build metadata: {} is not valid", path.display())]
    Metadata { path: PathBuf, source: InvalidMetadata },
    #[error("read build metadata")]
    LegacyBom(#[source] Box<toml::de::Error>),
    #[error("could not read build.toml of buildpack '{buildpack}'")]
    BuildFile { buildpack: String, source: Box<toml::de::Error> },
    #[error("could not read a file of the layers directory")]
    File(#[source] FileError),
    #[error(transparent)]
    LayersDirectory(LayersDirectoryError),
    #[error("failed to parse metadata for layers '[{}]'", join(ids))]
    MalformedLayers { ids: Vec<LayerId>, source: LayerFileError },
    #[error("layer '{id}' is cache=true but has no contents")]
    CachedWithoutContents { id: LayerId },
    #[error("cannot reuse '{id}', previous image has no metadata for layer '{id}'")]
    NothingToReuse { id: LayerId },
    #[error("reusing layer: '{what}': the previous image has no layer with diffID '{diff_id}'")]
    AbsentLayer { what: String, diff_id: String },
    #[error("exporting app layers")]
    AppLayers(#[source] TarError),
    #[error("creating layer '{what}'")]
    Layer { what: String, source: LayerError },
    #[error("process type {process_type:?} is not valid: it must be a file name without any of /><:|&\\")]
    ProcessType { process_type: String },
    #[error("tried to set {process_type} to default but it doesn't exist")]
    NoSuchProcess { process_type: String },
    #[error("could not write label {label}")]
    Label { label: &'static str, source: serde_json::Error },
    #[error("the exported image is inconsistent")]
    Inconsistent(#[source] LayerCountMismatch),
    #[error("could not copy blob {digest}")]
    ReadBlob { digest: Digest, source: SourceError },
    #[error("could not read layer {digest} of run image '{name}'")]
    ReadRunImage { name: ImageName, digest: Digest, source: SourceError },
    #[error("could not copy blob {digest}")]
    CopyBlob { digest: Digest, source: std::io::Error },
    #[error("could not store layer '{what}'")]
    StoreLayer { what: String, source: SinkError },
    #[error("could not store the image")]
    StoreImage(#[source] SinkError),
    /// The image has some of its names; the report lists them.
    #[error("failed to save image as: {}", failed.iter().map(|(name, _)| name.given()).collect::<Vec<_>>().join(", "))]
    SomeNames { failed: Vec<(ImageName, String)>, source: SinkError },
}

/// Why one layer could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    #[error(transparent)]
    Tar(#[from] TarError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Manifest(#[from] StatManifestError),
}

fn join(ids: &[LayerId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
