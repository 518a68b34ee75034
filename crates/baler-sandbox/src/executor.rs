//! The trait behind which a command runs somewhere, and the handle on a command that runs.

use std::fmt;
use std::io::{PipeReader, PipeWriter};
use std::sync::Arc;

use rustix::process::Signal;

use crate::{Command, Exit, Root, SandboxError};

/// Something that can run a command in a root file system.
pub trait Executor: Send + Sync {
    /// Starts `command` and returns when its program has been executed.
    fn start(&self, root: &Root, command: Command) -> Result<Running, SandboxError>;

    /// Starts `command` and waits for its end.
    fn run(&self, root: &Root, command: Command) -> Result<Exit, SandboxError> {
        self.start(root, command)?.wait()
    }
}

/// The ends of the pipes that were asked for with [`Stream::Piped`](crate::Stream::Piped).
#[derive(Debug, Default)]
pub struct Streams {
    /// Write here what the command reads.
    pub stdin: Option<PipeWriter>,
    /// Read here what the command writes.
    pub stdout: Option<PipeReader>,
    /// Read here what the command complains about.
    pub stderr: Option<PipeReader>,
}

/// What an executor must be able to do with a command that it has started.
pub trait Process: Send {
    /// Waits for the end of the command, and of everything that it started.
    fn wait(&mut self) -> Result<Exit, SandboxError>;

    /// A handle for other threads.
    fn control(&self) -> Arc<dyn Control>;
}

/// Acts on a running command from any thread. After the command's end all of it does nothing.
pub trait Control: Send + Sync {
    /// Sends `signal` to the command's own process.
    fn signal(&self, signal: Signal);

    /// Kills the command and everything that it started.
    fn kill(&self);
}

/// A command that runs. Dropping it kills everything inside, and waits until nothing is left.
pub struct Running {
    /// The ends of the pipes that were asked for.
    pub streams: Streams,
    /// Why the network that is the command's own has no way out, although one was asked for.
    pub no_way_out: Option<String>,
    process: Box<dyn Process>,
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Running").field("streams", &self.streams).finish_non_exhaustive()
    }
}

impl Running {
    /// Wraps what an executor has started.
    pub fn new(streams: Streams, process: Box<dyn Process>) -> Self {
        Self { streams, no_way_out: None, process }
    }

    /// The same, with the reason why its network has no way out.
    #[must_use]
    pub fn without_way_out(self, reason: Option<String>) -> Self {
        Self { no_way_out: reason, ..self }
    }

    /// Closes the command's input if it is still open, waits for its end, and until nothing is left.
    pub fn wait(mut self) -> Result<Exit, SandboxError> {
        self.streams.stdin = None;
        self.process.wait()
    }

    /// Sends `signal` to the command's own process.
    pub fn signal(&self, signal: Signal) {
        self.process.control().signal(signal);
    }

    /// A handle for other threads, such as the one that handles the caller's signals.
    pub fn control(&self) -> Arc<dyn Control> {
        self.process.control()
    }
}
