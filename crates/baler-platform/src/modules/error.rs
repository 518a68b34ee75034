//! Why a module could not be had.

use std::io;
use std::path::PathBuf;

use baler_image::{ImageName, InvalidReference, ResolveError};
use baler_store::CopyError;

use super::archive::ModuleArchiveError;
use super::package_config::PackageConfigError;
use super::{DescriptionError, DownloadError, InvalidLocator, LayoutArchiveError, PackageError};
use crate::places::LocateError;

/// Why a module could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    #[error("{0}")]
    Description(#[from] DescriptionError),
    #[error("{0}")]
    Archive(#[from] ModuleArchiveError),
    #[error("{0}")]
    LayoutArchive(#[from] LayoutArchiveError),
    #[error("{0}")]
    Package(#[from] PackageError),
    #[error("{0}")]
    PackageConfig(#[from] PackageConfigError),
    #[error("{0}")]
    Download(#[from] DownloadError),
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not get package '{name}'")]
    Image { name: ImageName, source: LocateError },
    #[error("could not take package '{name}' into the store")]
    Copy { name: ImageName, source: CopyError },
    #[error("could not read a package that is in the store")]
    Resolve(#[from] ResolveError),
    #[error("{0}")]
    Name(#[from] InvalidReference),
    #[error("could not remember {origin}")]
    Remember { origin: String, source: io::Error },
    #[error("could not get '{uri}', which {} depends on", path.display())]
    Dependency { path: PathBuf, uri: String, source: Box<Self> },
    #[error("could not write the inline buildpack '{id}'")]
    Inline { id: String, source: io::Error },
    #[error("{0}")]
    Locator(#[from] InvalidLocator),
    #[error("{}: its dependencies nest more than {maximum} levels", path.display())]
    TooDeep { path: PathBuf, maximum: usize },
}
