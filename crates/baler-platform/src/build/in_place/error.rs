//! Why a build cannot run in place.

use std::io;
use std::path::PathBuf;

use crate::interrupt::Interrupted;
use crate::modules::DescriptionError;

/// Why a build cannot run in place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InPlaceError {
    #[error("a build in place runs in a builder image, and this is none: it has no {missing}")]
    NoBuilder { missing: &'static str },
    #[error("{flag} needs a sandbox: in place, buildpacks have the files and the network of this container")]
    NeedsSandbox { flag: &'static str },
    #[error("the variable {variable} of this builder is not a user or group id above 0: '{value}'")]
    Id { variable: &'static str, value: String },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not parse {}", path.display())]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("invalid buildpack in {}", path.display())]
    Module { path: PathBuf, source: DescriptionError },
    /// The layers or the application's directory.
    #[error("user {uid} cannot write to {}, which a build in place works in", path.display())]
    NotWritable { path: PathBuf, uid: u32, source: io::Error },
    #[error("{} is not empty: a build in place works in it, and would mix with what is there", path.display())]
    NotEmpty { path: PathBuf },
    #[error("the application {} is where a build in place works", path.display())]
    Overlap { path: PathBuf },
    #[error("could not remove {}, which an earlier build left", path.display())]
    Clean { path: PathBuf, source: io::Error },
    #[error("could not make {}", path.display())]
    Make { path: PathBuf, source: io::Error },
    #[error("could not lock {}", path.display())]
    Lock { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}
