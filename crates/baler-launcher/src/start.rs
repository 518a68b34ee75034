//! What finally happens: the launcher becomes the process.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use baler_cnb::environment::Environment;

/// Everything that the process is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The file that is executed; absolute.
    pub program: PathBuf,
    /// What the process sees as its own name.
    pub name: OsString,
    pub arguments: Vec<OsString>,
    pub environment: Environment,
    /// Where it starts; absolute.
    pub working_dir: PathBuf,
}

impl Start {
    /// Replaces the launcher with the process; returns only if that fails. The working directory must be the current
    /// one already, so that the error is about the program.
    pub fn exec(&self) -> io::Error {
        Command::new(&self.program)
            .arg0(&self.name)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter())
            .exec()
    }
}
