//! What can go wrong in a build.

use baler_image::{ImageName, Platform};

use super::builder_image::BuilderImageError;
use super::cache::BuildCacheError;
use super::directories::DirectoryError;
use super::extensions::ExtensionError;
use super::in_place::InPlaceError;
use super::layers_files::LayersFileError;
use super::order::BuildOrderError;
use super::outputs::OutputError;
use super::phase::PhaseError;
use super::workspace::WorkspaceError;
use crate::certificates::CertificateError;
use crate::destination::DestinationError;
use crate::interrupt::Interrupted;
use crate::modules::MountError;
use crate::places::LocateError;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error("could not get builder '{name}'")]
    Builder { name: ImageName, source: LocateError },
    #[error("invalid builder '{name}'")]
    InvalidBuilder { name: ImageName, source: BuilderImageError },
    #[error("builder '{name}' names no run image")]
    NoRunImage { name: ImageName },
    #[error("invalid run-image '{name}'")]
    RunImage { name: ImageName, source: LocateError },
    #[error("run image name '{text}' of the builder is no image name")]
    RunImageName { text: String, source: baler_image::InvalidReference },
    #[error("could not read previous image '{name}'")]
    PreviousImage { name: ImageName, source: LocateError },
    #[error("builder '{builder}' is for {builder_platform}, and run image '{run_image}' for {run_platform}")]
    PlatformsDiffer { builder: ImageName, builder_platform: Platform, run_image: ImageName, run_platform: Platform },
    #[error("could not unpack builder '{name}'")]
    Unpack { name: ImageName, source: baler_store::UnpackError },
    #[error("{0}")]
    InPlace(#[from] InPlaceError),
    #[error("{0}")]
    Order(#[from] BuildOrderError),
    #[error("{0}")]
    Mount(#[from] MountError),
    #[error("{0}")]
    Workspace(#[from] WorkspaceError),
    #[error("{0}")]
    Certificates(#[from] CertificateError),
    #[error("{0}")]
    Directories(#[from] DirectoryError),
    #[error("{0}")]
    Cache(#[from] BuildCacheError),
    #[error("{0}")]
    Destination(#[from] DestinationError),
    #[error("when --publish is used, {previous} must be in the same image registry as {image}")]
    OtherRegistry { previous: ImageName, image: ImageName },
    #[error("{0}")]
    Analyze(#[from] baler_lifecycle::analyze::AnalyzeError),
    #[error("executing lifecycle")]
    Phase(#[from] PhaseError),
    #[error("failed to restore")]
    Restore(#[from] baler_lifecycle::restore::RestoreError),
    #[error("failed to export")]
    Export(#[from] baler_lifecycle::export::ExportError),
    #[error("{0}")]
    NoLauncher(#[from] baler_lifecycle::launcher_binary::NoLauncher),
    #[error("{0}")]
    LayersFile(#[from] LayersFileError),
    #[error("{0}")]
    Extension(#[from] ExtensionError),
    #[error("{0}")]
    Outputs(#[from] OutputError),
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}
