//! Runs a program of a module, such as `bin/detect`, to its end.
//!
//! The program gets exactly the environment it is given, nothing to read, and the application's directory to start in.
//! Refuses, by name, a program that is missing, that may not be executed, or whose interpreter is missing.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use baler_cnb::environment::Environment;
use fs_err as fs;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::interrupt::Interrupt;

/// What to run.
pub struct ModuleCommand<'a> {
    /// Its path; also its argument 0.
    pub program: &'a Path,
    /// Its other arguments.
    pub arguments: Vec<OsString>,
    /// All of its environment.
    pub environment: &'a Environment,
    /// Where it starts.
    pub directory: &'a Path,
    /// Where its standard output and its standard error go.
    pub output: &'a File,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    #[error("{} is not executable: its mode is {mode:04o}", path.display())]
    NotExecutable { path: PathBuf, mode: u32 },
    #[error("the interpreter in the first line of {} does not exist", .0.display())]
    MissingInterpreter(PathBuf),
    #[error("{} is neither a script that begins with #! nor a program for this machine", .0.display())]
    NoProgram(PathBuf),
    #[error("could not enter {} to run {}", directory.display(), path.display())]
    Directory { path: PathBuf, directory: PathBuf, source: io::Error },
    #[error("could not run {}", path.display())]
    Other { path: PathBuf, source: io::Error },
    #[error("interrupted")]
    Interrupted,
}

impl Ending {
    /// Whether all went well.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "ended with exit code {code}"),
            Self::Signal(9) => formatter.write_str("was killed by signal 9, as the kernel does when memory runs out"),
            Self::Signal(signal) => write!(formatter, "was killed by signal {signal}"),
        }
    }
}

impl ModuleCommand<'_> {
    /// Runs the program to its end.
    pub fn run(&self, interrupt: &Interrupt) -> Result<Ending, RunError> {
        let mut child = interrupt.start(|| self.start()).ok_or(RunError::Interrupted)??;
        let other = |source| RunError::Other { path: self.program.to_owned(), source };
        let group = Pid::from_child(&child);
        // Not reaped before it is forgotten: its number cannot be another process's meanwhile.
        let has_ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let waited = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(group), has_ended));
        interrupt.end(group);
        waited.map_err(|error| other(error.into()))?;
        let status = child.wait().map_err(other)?;
        if interrupt.signal().is_some() { Err(RunError::Interrupted) } else { Ok(ending(status)) }
    }

    fn start(&self) -> Result<(Child, Pid), RunError> {
        let duplicate = || self.output.try_clone().map(Stdio::from);
        let other = |source| RunError::Other { path: self.program.to_owned(), source };
        let child = Command::new(self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter())
            .current_dir(self.directory)
            .stdin(Stdio::null())
            .stdout(duplicate().map_err(other)?)
            .stderr(duplicate().map_err(other)?)
            .process_group(0)
            .spawn()
            .map_err(|source| self.explain(source))?;
        let group = Pid::from_child(&child);
        Ok((child, group))
    }

    /// Finds out what a failed start means: the kernel's answer is the same for several causes.
    fn explain(&self, source: io::Error) -> RunError {
        let path = self.program.to_owned();
        if let Err(source) = fs::read_dir(self.directory) {
            return RunError::Directory { path, directory: self.directory.to_owned(), source };
        }
        let Ok(metadata) = fs::metadata(&path) else { return RunError::Missing(path) };
        let mode = metadata.permissions().mode() & 0o7777;
        match source.kind() {
            io::ErrorKind::NotFound => RunError::MissingInterpreter(path),
            io::ErrorKind::PermissionDenied if mode & 0o111 == 0 => RunError::NotExecutable { path, mode },
            _ if source.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => RunError::NoProgram(path),
            _ => RunError::Other { path, source },
        }
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Code(code),
        (None, signal) => Ending::Signal(signal.unwrap_or_default()),
    }
}
