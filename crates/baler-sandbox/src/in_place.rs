//! The executor for places where no namespaces can be made: the command runs where this program is.

use std::sync::Arc;

use rustix::process::{DumpableBehavior, getpid, set_child_subreaper, set_dumpable_behavior};

use crate::descendants;
use crate::helper_process::HelperProcess;
use crate::wire::{CommandRequest, Request};
use crate::{Command, Control, Executor, Exit, Network, Process, Root, Running, SandboxError, SandboxProgram, Step};

/// Runs commands in the file system, among the processes and on the network that this program has itself.
///
/// What needs no namespace is as in a sandbox: streams and environment, no descriptors of the caller, no privileges, the
/// filter of system calls, and the end of everything with the command or the caller. As root the command gets its user;
/// anyone else runs it as who it is. A [`Root`] must be empty, and the network the host's.
#[derive(Clone, Debug)]
pub struct InPlaceExecutor {
    /// What is started as helper.
    pub program: SandboxProgram,
}

impl Executor for InPlaceExecutor {
    fn start(&self, root: &Root, command: Command) -> Result<Running, SandboxError> {
        if !root.lower.is_empty() || !root.mounts.is_empty() || command.network != Network::Host {
            return Err(SandboxError::NothingOfItsOwn);
        }
        let watched =
            |errno: rustix::io::Errno| SandboxError::Setup { step: Step::Watch, path: None, source: errno.into() };
        // Should the helper be killed, all that it started becomes ours, and can be found.
        set_child_subreaper(Some(getpid())).map_err(watched)?;
        // The command may be of the same user, who could otherwise read the memory and the environment of this process.
        set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(watched)?;
        let request = Request::InPlace(CommandRequest::new(&command));
        let (streams, helper) = HelperProcess::start(&self.program, command, &request)?;
        Ok(Running::new(streams, Box::new(InPlaceProcess { helper, has_ended: false })))
    }
}

/// A command whose helper may be killed without it.
struct InPlaceProcess {
    helper: HelperProcess,
    /// By itself, with all that it started.
    has_ended: bool,
}

impl Process for InPlaceProcess {
    fn wait(&mut self) -> Result<Exit, SandboxError> {
        let ended = self.helper.wait();
        self.has_ended = ended.is_ok();
        if !self.has_ended {
            descendants::kill_and_reap();
        }
        ended
    }

    fn control(&self) -> Arc<dyn Control> {
        self.helper.control()
    }
}

impl Drop for InPlaceProcess {
    fn drop(&mut self) {
        if !self.has_ended {
            self.helper.control().kill();
            let _ = self.helper.wait();
            descendants::kill_and_reap();
        }
    }
}
