//! A sandbox, made as builds make it.

use baler_sandbox::{
    Command, ExecFailure, Executor as _, IdMap, NativeExecutor, Root, SandboxError, SandboxProgram, Stream,
};
use baler_store::Store;

/// The user that builders usually have.
pub(crate) const BUILD_USER: (u32, u32) = (1000, 1000);

/// How it went.
pub(crate) enum Trial {
    /// Everything was set up.
    Worked,
    Failed(SandboxError),
    /// There was no place for it.
    NoPlace(String),
}

impl Trial {
    /// Makes a sandbox on the store's file system, up to the point where a program would run.
    pub(crate) fn run(program: &SandboxProgram, id_map: &IdMap, store: &Store) -> Self {
        let directories = || {
            let scratch = store.scratch_for("trial", id_map)?;
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
        let executor = NativeExecutor::new(program.clone(), id_map.clone());
        match executor.run(&Root { lower: vec![lower], scratch: root, ..Root::default() }, command) {
            Ok(_) | Err(SandboxError::Execute { failure: ExecFailure::NotFound, .. }) => Self::Worked,
            Err(error) => Self::Failed(error),
        }
    }
}
