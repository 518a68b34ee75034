//! The executable that is started again as the single-threaded process which makes the namespaces.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use crate::{KernelCalls, Operation, SandboxError, helper};

/// What the first argument is when the program acts as its own helper. No command may have this name.
const MARKER: &str = "__baler-sandbox";

/// What the helper is called in lists of processes.
const NAME: &str = "baler-sandbox";

/// An executable whose `main` calls [`dispatch`] first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxProgram {
    path: PathBuf,
    /// Which calls to the kernel its sandboxes use.
    pub kernel_calls: KernelCalls,
}

impl SandboxProgram {
    /// The running program itself, also when its file has been replaced.
    pub fn current() -> Self {
        Self::at("/proc/self/exe")
    }

    /// The executable at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), kernel_calls: KernelCalls::Best }
    }

    /// Starts the helper. It has no environment and nothing of the caller but the socket and standard error.
    pub(crate) fn start(&self, socket: UnixStream, stderr: Stdio) -> Result<Child, SandboxError> {
        Command::new(&self.path)
            .arg0(NAME)
            .arg(MARKER)
            .env_clear()
            .stdin(OwnedFd::from(socket))
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(|source| SandboxError::StartHelper { program: self.path.clone(), source })
    }
}

/// Acts as the helper if the program was started as one, and says with which code `main` must end.
///
/// It must be the first thing that `main` does: no thread may exist yet. `operations` are what
/// [`run_with_ids`](crate::run_with_ids) can name.
pub fn dispatch(operations: &[Operation]) -> Option<ExitCode> {
    if std::env::args_os().nth(1).as_deref() != Some(OsStr::new(MARKER)) {
        return None;
    }
    Some(helper::serve(operations))
}
