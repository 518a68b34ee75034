//! Why a build failed.

use std::io;
use std::path::PathBuf;

use baler_cnb::environment::EnvironmentError;

use crate::module_process::{Ending, RunError};
use crate::module_store::{ModuleApiError, ModuleError};
use crate::platform_env::ModuleEnvironmentError;
use crate::toml_file::{ReadTomlError, WriteFileError};

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A buildpack did not end well.
    #[error("buildpack {buildpack} failed: {} {ending}", program.display())]
    Failed { buildpack: String, program: PathBuf, ending: Ending },
    /// A buildpack could not be run.
    #[error("buildpack {buildpack} could not be run")]
    Run { buildpack: String, source: RunError },
    #[error("could not look up the buildpacks of the group")]
    LookUp(#[source] ModuleError),
    #[error("the group has the composite buildpack {0}, which detection would have replaced by its components")]
    Composite(String),
    #[error(transparent)]
    Api(#[from] ModuleApiError),
    #[error(transparent)]
    Environment(#[from] ModuleEnvironmentError),
    /// What a buildpack wrote cannot be used.
    #[error("could not use what buildpack {buildpack} wrote")]
    Output { buildpack: String, source: BuildpackOutputError },
    #[error("could not {operation} {}", path.display())]
    FileSystem { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("could not prepare the plan of buildpack {buildpack}")]
    Plan { buildpack: String, source: WriteFileError },
    #[error("could not express the bill of materials as JSON")]
    BillOfMaterials(#[source] serde_json::Error),
    #[error(transparent)]
    Write(#[from] WriteFileError),
    #[error("interrupted")]
    Interrupted,
}

/// What is wrong with the files that a buildpack wrote.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildpackOutputError {
    #[error(transparent)]
    Read(#[from] ReadTomlError),
    #[error("the launch, cache and build flags should be in the types table of {}", path.display())]
    MisplacedFlag { path: PathBuf, flag: &'static str },
    #[error("the name of a layer is its file's name without .toml, which is empty or not UTF-8: {}", .0.display())]
    LayerName(PathBuf),
    #[error("no layer can have the name '{name}', which belongs to the buildpack itself: {}", path.display())]
    ReservedName { path: PathBuf, name: String },
    #[error("could not {operation} {}", path.display())]
    FileSystem { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("could not use the environment in {}", path.display())]
    Environment { path: PathBuf, source: EnvironmentError },
    #[error(transparent)]
    ReadEnvironment(#[from] ModuleEnvironmentError),
    #[error("{}: unmet.name is required", .0.display())]
    UnmetWithoutName(PathBuf),
    #[error("{}: unmet.name '{name}' must match a requested dependency", path.display())]
    UnmetUnknown { path: PathBuf, name: String },
    #[error("unsupported SBOM file format: {}", .0.display())]
    SbomFormat(PathBuf),
    #[error("undeclared SBOM media type: '{media_type}' of {} is not among sbom-formats in buildpack.toml", path.display())]
    SbomUndeclared { path: PathBuf, media_type: &'static str },
    #[error("{}: the command of process '{process_type}' must be {expected} with Buildpack API {api}", path.display())]
    CommandForm { path: PathBuf, process_type: String, expected: &'static str, api: String },
    #[error("{}: process '{process_type}' has the key 'direct', which Buildpack API {api} does not have", path.display())]
    Direct { path: PathBuf, process_type: String, api: String },
    #[error("{}: multiple default process types aren't allowed", .0.display())]
    SeveralDefaults(PathBuf),
}
