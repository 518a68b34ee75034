//! Why Dockerfiles were not generated.

use std::io;
use std::path::PathBuf;

use baler_dockerfile::DockerfileError;

use crate::files::FileError;
use crate::module_process::{Ending, RunError};
use crate::module_store::{ModuleApiError, ModuleError};
use crate::platform_env::ModuleEnvironmentError;
use crate::toml_file::{ReadTomlError, WriteFileError};

/// Why Dockerfiles were not generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// An extension did not end well.
    #[error("extension {extension} failed: {} {ending}", program.display())]
    Failed { extension: String, program: PathBuf, ending: Ending },
    /// An extension could not be run.
    #[error("extension {extension} could not be run")]
    Run { extension: String, source: RunError },
    #[error("could not look up the extensions of the group")]
    LookUp(#[source] ModuleError),
    #[error(transparent)]
    Api(#[from] ModuleApiError),
    #[error(transparent)]
    Environment(#[from] ModuleEnvironmentError),
    /// What an extension wrote cannot be used.
    #[error("could not use what extension {extension} wrote")]
    Output { extension: String, source: OutputError },
    #[error("could not prepare the plan of extension {extension}")]
    Plan { extension: String, source: WriteFileError },
    #[error("could not make a temporary directory in {}", path.display())]
    TemporaryDirectory { path: PathBuf, source: io::Error },
    #[error("could not put the Dockerfiles in their place")]
    Place(#[from] FileError),
    #[error("interrupted")]
    Interrupted,
}

/// What is wrong with what an extension wrote.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    #[error("{}", path.display())]
    Dockerfile { path: PathBuf, source: DockerfileError },
    #[error("{} is not a file of at most {} bytes", path.display(), super::output::LARGEST_DOCKERFILE)]
    NotADockerfile { path: PathBuf },
    #[error(transparent)]
    ExtendConfig(#[from] ReadTomlError),
    #[error("{}: the argument '{name}' is given its value by the lifecycle", path.display())]
    ReservedArgument { path: PathBuf, name: String },
    #[error("{}: image-specific context dir is provided together with a shared context", .0.display())]
    Contexts(PathBuf),
    #[error(transparent)]
    File(#[from] FileError),
}
