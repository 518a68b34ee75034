//! What can go wrong when a builder is made.

use std::io;
use std::path::PathBuf;

use baler_image::{Digest, ImageName, InvalidReference, LayerCountMismatch, Platform, SinkError};
use baler_layer::tar::TarError;

use super::check::CheckError;
use super::config::ConfigError;
use super::labels::IdError;
use super::lifecycle::LifecycleError;
use super::order::OrderError;
use crate::destination::DestinationError;
use crate::interrupt::Interrupted;
use crate::modules::package_image::PackageImageError;
use crate::modules::{FetchError, InvalidLocator, ModuleKind};
use crate::places::LocateError;
use crate::targets::TargetsError;

/// Why there is no builder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    #[error("{0}")]
    Config(#[source] ConfigError),
    #[error("failed to add buildpacks to builder")]
    AddBuildpacks(#[source] ModuleSourceError),
    #[error("failed to add extensions to builder")]
    AddExtensions(#[source] ModuleSourceError),
    #[error("processing buildpacks order")]
    Order(#[source] OrderError),
    #[error("processing extensions order")]
    ExtensionOrder(#[source] OrderError),
    #[error("failed to create builder: fetch lifecycle")]
    FetchLifecycle(#[source] LifecycleError),
    #[error("{0}")]
    Lifecycle(#[from] LifecycleError),
    #[error("validating buildpacks")]
    Check(#[from] CheckError),
    #[error("{0}")]
    Targets(#[from] TargetsError),
    #[error("could not make the builder for {platform}")]
    Target { platform: Platform, source: Box<Self> },
    #[error("the build image of {} is no image name", path.display())]
    BuildImageName { path: PathBuf, source: InvalidReference },
    #[error("failed to create builder: fetch build image '{name}'")]
    FetchBuildImage { name: ImageName, source: LocateError },
    #[error("{0}")]
    Id(#[from] IdError),
    #[error("{0}")]
    Destination(#[from] DestinationError),
    #[error("{0}")]
    Copy(#[from] baler_store::CopyError),
    #[error("could not make a layer of the builder")]
    Layer(#[from] TarError),
    #[error("could not read layer {digest}")]
    ReadLayer { digest: Digest, source: io::Error },
    #[error("{0}")]
    Package(#[from] PackageImageError),
    #[error("{0}")]
    Sink(#[from] SinkError),
    #[error("could not write a label")]
    Label(#[from] serde_json::Error),
    #[error("{0}")]
    Inconsistent(#[from] LayerCountMismatch),
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}

/// Why a module of a builder.toml cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleSourceError {
    #[error("{0}")]
    Locator(#[from] InvalidLocator),
    #[error("could not use '{uri}'")]
    Fetch { uri: String, source: Box<FetchError> },
    #[error(
        "invalid {kind}: {kind} from URI '{uri}' has {what} '{has}' which does not match {what} '{expected}' from builder config"
    )]
    Mismatch { kind: ModuleKind, uri: String, what: &'static str, has: String, expected: String },
}
