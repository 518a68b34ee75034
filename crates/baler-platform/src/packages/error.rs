//! Why there is no package.

use std::io;
use std::path::PathBuf;

use baler_image::{Digest, SinkError};
use baler_layer::tar::TarError;

use crate::destination::DestinationError;
use crate::interrupt::Interrupted;
use crate::modules::package_image::PackageImageError;
use crate::modules::{FetchError, InvalidLocator, ModuleKind, PackageConfigError};
use crate::targets::TargetsError;

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageCreateError {
    #[error("{0}")]
    Config(#[from] PackageConfigError),
    #[error("{0}")]
    Targets(#[from] TargetsError),
    #[error("{} is of an {has}, not of a {wanted}", path.display())]
    OtherKind { path: PathBuf, has: ModuleKind, wanted: ModuleKind },
    #[error("{0}")]
    Locator(#[from] InvalidLocator),
    #[error("could not use '{uri}'")]
    Fetch { uri: String, source: Box<FetchError> },
    #[error("buildpack '{name}' must specify a version when referencing buildpack '{element}'")]
    NoVersion { name: String, element: String },
    #[error("buildpack '{name}' references buildpack '{element}' which is not present")]
    NotPresent { name: String, element: String },
    #[error("buildpack '{element}' is not used by buildpack '{name}'")]
    NotUsed { name: String, element: String },
    #[error("could not make a layer of '{name}'")]
    Layer { name: String, source: TarError },
    #[error("could not read layer {digest}")]
    ReadLayer { digest: Digest, source: baler_store::CopyError },
    #[error("{0}")]
    Image(#[from] PackageImageError),
    #[error("{0}")]
    Sink(#[from] SinkError),
    #[error("{0}")]
    Layout(#[from] baler_store::LayoutError),
    #[error("{0}")]
    Destination(#[from] DestinationError),
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("could not write {}", path.display())]
    WriteTar { path: PathBuf, source: TarError },
    #[error("{0}")]
    Scratch(#[from] baler_store::ScratchError),
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}
