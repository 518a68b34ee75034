//! The executor that uses the kernel's own namespaces, without a daemon and without root.

use crate::{Command, Executor, IdMap, Root, Running, SandboxError, SandboxProgram};

/// Runs commands in namespaces of this machine.
#[derive(Clone, Debug)]
pub struct NativeExecutor {
    /// What is started as helper.
    pub program: SandboxProgram,
    /// Which ids stand behind those inside.
    pub id_map: IdMap,
}

impl Executor for NativeExecutor {
    fn start(&self, root: &Root, command: Command) -> Result<Running, SandboxError> {
        let _ = (root, command);
        todo!()
    }
}
