//! What can go wrong when a builder is made.

use std::io;
use std::path::PathBuf;

use baler_image::{Digest, ImageName, InvalidReference, LayerCountMismatch, Platform, SinkError};
use baler_layer::tar::TarError;

use super::config::ConfigError;
use super::labels::IdError;
use super::modules::ModuleError;
use super::order::OrderError;
use crate::interrupt::Interrupted;
use crate::places::LocateError;

/// Why there is no builder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    #[error("{0}")]
    Config(#[source] ConfigError),
    #[error("{} has {what}, which builders cannot have yet", path.display())]
    Unsupported { path: PathBuf, what: &'static str },
    #[error("failed to add buildpacks to builder")]
    AddBuildpacks(#[source] ModuleError),
    #[error("processing buildpacks order")]
    Order(#[source] OrderError),
    #[error("the build image of {} is no image name", path.display())]
    BuildImageName { path: PathBuf, source: InvalidReference },
    #[error("failed to create builder: fetch build image '{name}'")]
    FetchBuildImage { name: ImageName, source: LocateError },
    #[error("{0}")]
    Id(#[from] IdError),
    #[error("a builder cannot be written to '{name}' yet")]
    NoSuchDestination { name: ImageName },
    #[error("{0}")]
    Layout(#[from] baler_store::LayoutError),
    #[error("{0}")]
    Copy(#[from] baler_store::CopyError),
    #[error("could not make a layer of the builder")]
    Layer(#[source] TarError),
    #[error("{0}")]
    Sink(#[from] SinkError),
    #[error("{0}")]
    NoLauncher(#[from] baler_lifecycle::launcher_binary::NoLauncher),
    #[error("the lifecycle of this program is for {host}, and the builder is for {wanted}")]
    ForeignLifecycle { host: Platform, wanted: Platform },
    #[error("could not read the lifecycle from {}", path.display())]
    ReadProgram { path: PathBuf, source: io::Error },
    #[error("could not write config {digest}")]
    WriteConfig { digest: Digest, source: io::Error },
    #[error("could not write a label")]
    Label(#[from] serde_json::Error),
    #[error("{0}")]
    Inconsistent(#[from] LayerCountMismatch),
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}
