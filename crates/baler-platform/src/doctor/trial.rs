//! A sandbox, made as builds make it.

use baler_sandbox::{Command, ExecFailure, Executor as _, NativeExecutor, Root, SandboxError, Stream};
use baler_store::Store;

use super::{BUILD_USER, Patient};

/// How it went.
pub(super) enum Trial {
    /// Everything was set up.
    Worked,
    Failed(SandboxError),
    /// There was no place for it.
    NoPlace(String),
}

impl Trial {
    /// Makes a sandbox on the store's file system, up to the point where a program would run.
    pub(super) fn run(patient: &Patient<'_>, store: &Store) -> Self {
        let id_map = patient.id_map();
        let directories = || {
            let scratch = store.scratch_for("doctor", &id_map)?;
            Ok((scratch.subdirectory("lower")?, scratch.subdirectory("root")?, scratch))
        };
        let (lower, root, _scratch) = match directories() {
            Ok(made) => made,
            Err(error) => {
                let error: baler_store::ScratchError = error;
                return Self::NoPlace(format!("{error}: {}", error.source));
            }
        };
        // There is no program in an empty directory: that it is missed means that all the rest is there.
        let mut command = Command::new(["/none"], BUILD_USER);
        (command.stdout, command.stderr) = (Stream::Null, Stream::Null);
        let executor = NativeExecutor::new(patient.program.clone(), id_map);
        match executor.run(&Root { lower: vec![lower], scratch: root, ..Root::default() }, command) {
            Ok(_) | Err(SandboxError::Execute { failure: ExecFailure::NotFound, .. }) => Self::Worked,
            Err(error) => Self::Failed(error),
        }
    }
}
