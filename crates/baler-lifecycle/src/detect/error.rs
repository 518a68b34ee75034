//! Why detect found no group.

use std::io;
use std::path::PathBuf;

use crate::module_process::RunError;
use crate::module_store::{ModuleApiError, ModuleError};
use crate::platform_env::ModuleEnvironmentError;
use crate::toml_file::ReadTomlError;

/// Why detect found no group.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// An element of the order itself cannot be used.
    #[error("could not use the order")]
    Order(#[source] ModuleError),
    /// An element of a composite cannot be used.
    #[error("could not use the composite buildpack {composite}")]
    Composite { composite: String, source: ModuleError },
    #[error(transparent)]
    Cycle(#[from] CycleError),
    #[error(transparent)]
    Api(#[from] ModuleApiError),
    #[error(transparent)]
    Environment(#[from] ModuleEnvironmentError),
    #[error("could not make a temporary directory in {}", path.display())]
    TemporaryDirectory { path: PathBuf, source: io::Error },
    /// Every group failed; no module did worse than to say no.
    #[error("no buildpacks participating")]
    NoGroup,
    /// Every group failed, and in one of them a module failed to do its work.
    #[error("buildpack(s) failed with err")]
    NoGroupAndErrors,
    #[error("interrupted")]
    Interrupted,
}

/// A composite that contains itself.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the order of a composite buildpack leads back to itself: {}", .0.join(" -> "))]
pub struct CycleError(pub Vec<String>);

/// Why a module's `bin/detect` counts as failed although it did not say so. Told in the output, not returned: the group
/// may do without the module, and there may be another group.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleFailure {
    #[error("{module}")]
    Run { module: String, source: RunError },
    #[error("{module}: could not capture the output")]
    Capture { module: String, source: io::Error },
    #[error("{module}: its build plan cannot be used")]
    Plan { module: String, source: BuildPlanError },
    #[error("unable to satisfy target os/arch constraints; run image: {run_image}, {module}: {targets}")]
    Target { module: String, run_image: String, targets: String },
    #[error("{module}: {ending}")]
    Killed { module: String, ending: crate::module_process::Ending },
}

/// What is wrong with a build plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildPlanError {
    #[error(transparent)]
    Read(#[from] ReadTomlError),
    #[error("the required dependency {0:?} has a top-level version: it belongs to its metadata")]
    MisplacedVersion(String),
    #[error("an extension may not require anything")]
    ExtensionRequires,
}
