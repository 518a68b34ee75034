//! What can keep the launcher from starting a process, and the exit codes for it (Platform interface specification,
//! "launcher": "Outputs").

use std::error::Error;
use std::io;
use std::path::PathBuf;

use baler_cnb::api::PlatformApiError;
use baler_cnb::metadata::InvalidMetadata;

use crate::direct::LookupError;
use crate::environment::ModifyEnvironmentError;
use crate::exec_d::ExecDError;
use crate::selection::{SelectionError, UnknownBuildpackApi};
use crate::shell;

/// The exit code of a failed launch.
pub const LAUNCH_FAILED: u8 = 82;

/// Why no process runs; each kind has its exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    PlatformApi(#[from] PlatformApiError),
    #[error(transparent)]
    BuildpackApi(#[from] UnknownBuildpackApi),
    #[error("failed to read metadata")]
    ReadMetadata(#[source] ReadMetadataError),
    #[error("failed to launch")]
    Launch(#[source] LaunchError),
}

/// Why metadata.toml cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadMetadataError {
    #[error(transparent)]
    Read(io::Error),
    #[error("{}", path.display())]
    Parse { path: PathBuf, source: InvalidMetadata },
}

/// Why the process cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("determine start command")]
    Select(#[source] SelectionError),
    #[error("change to {what} directory {}", path.display())]
    ChangeDirectory { what: &'static str, path: PathBuf, source: io::Error },
    #[error("look into layers")]
    FindLayers(#[source] io::Error),
    #[error("modify env")]
    ModifyEnvironment(#[source] ModifyEnvironmentError),
    #[error("watch for signals")]
    Signals(#[source] io::Error),
    #[error("exec.d")]
    ExecD(#[source] ExecDError),
    #[error(transparent)]
    Lookup(LookupError),
    #[error(
        "this start needs {}, which is not in the image; '--' before a command of your own starts it without a shell",
        shell::BASH
    )]
    NoShell,
    #[error("exec {}", program.display())]
    Exec { program: PathBuf, source: io::Error },
}

impl Failure {
    /// The exit code. The process's own codes take its place as soon as there is a process.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::ReadMetadata(_) => 1,
            Self::PlatformApi(_) => 11,
            Self::BuildpackApi(_) => 12,
            Self::Launch(_) => LAUNCH_FAILED,
        }
    }

    /// The failure and its causes on one line, as far as they are one line themselves.
    pub fn on_one_line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
