//! The executor that uses the kernel's own namespaces, without a daemon and without root.

use crate::helper_process::HelperProcess;
use crate::wire::{CommandRequest, GateRequest, MountRequest, Request, SandboxRequest};
use crate::{Command, Executor, IdMap, Network, Root, Running, SandboxError, SandboxProgram};

/// Runs commands in namespaces of this machine.
#[derive(Clone, Debug)]
pub struct NativeExecutor {
    /// What is started as helper.
    pub program: SandboxProgram,
    /// Which ids stand behind those inside.
    pub id_map: IdMap,
    /// Which calls to the kernel are used.
    pub kernel_calls: KernelCalls,
}

/// Which calls to the kernel are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KernelCalls {
    /// The best that the kernel has.
    #[default]
    Best,
    /// Only those of Linux 5.11, the oldest kernel that can do all of it.
    Oldest,
}

impl NativeExecutor {
    /// An executor that uses the calls that the program does.
    pub fn new(program: SandboxProgram, id_map: IdMap) -> Self {
        let kernel_calls = program.kernel_calls;
        Self { program, id_map, kernel_calls }
    }

    fn request(&self, root: &Root, command: &Command) -> SandboxRequest {
        let mounts = root.mounts.iter().map(|mount| MountRequest {
            source: mount.source.as_path().into(),
            target: mount.target.as_path().into(),
            writable: mount.writable,
        });
        SandboxRequest {
            id_map: self.id_map.clone(),
            lower: root.lower.iter().map(|path| path.as_path().into()).collect(),
            scratch: root.scratch.as_path().into(),
            mounts: mounts.collect(),
            writable: root.writable.writable.iter().map(|path| path.as_path().into()).collect(),
            protected: root.writable.protected.iter().map(|path| path.as_path().into()).collect(),
            command: CommandRequest::new(command),
            hostname: command.hostname.clone(),
            private_network: command.network == Network::None,
            gate: command.gate.as_ref().map(|gate| GateRequest { pasta: gate.pasta.as_deref().map(Into::into) }),
            oldest_calls: self.kernel_calls == KernelCalls::Oldest,
        }
    }
}

impl Executor for NativeExecutor {
    fn start(&self, root: &Root, command: Command) -> Result<Running, SandboxError> {
        let (uid, gid) = command.user;
        if self.id_map.host_uid(uid).is_none() || self.id_map.host_gid(gid).is_none() {
            return Err(SandboxError::UserNotMapped { uid, gid });
        }
        let request = Request::Sandbox(Box::new(self.request(root, &command)));
        let (streams, mut process) = HelperProcess::start(&self.program, command, &request)?;
        let no_way_out = process.no_way_out.take();
        Ok(Running::new(streams, Box::new(process)).without_way_out(no_way_out))
    }
}
