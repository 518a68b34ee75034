//! The executable that is started again as the single-threaded process which makes the namespaces.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::Operation;

/// What the first argument is when the program acts as its own helper. No command may have this name.
pub(crate) const MARKER: &str = "__baler-sandbox";

/// An executable whose `main` calls [`dispatch`] first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxProgram {
    path: PathBuf,
}

impl SandboxProgram {
    /// The running program itself, also when its file has been replaced.
    pub fn current() -> Self {
        Self { path: PathBuf::from("/proc/self/exe") }
    }

    /// The executable at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
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
    let _ = operations;
    todo!()
}
