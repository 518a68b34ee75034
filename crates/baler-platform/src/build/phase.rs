//! Detect and build: phase programs in the builder's file system.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use baler_lifecycle::progress::DESCRIPTOR_VARIABLE;
use baler_sandbox::{
    Command, Executor, Exit, FurtherDescriptor, Mount, NativeExecutor, Network, Root, SandboxError, Stream,
    WritablePaths,
};

use super::events;
use crate::context::Context;
use crate::interrupt::{Interrupted, Reaction};
use crate::output::Level;

/// Where our program is in the sandbox; under this name it is the lifecycle.
const LIFECYCLE: &str = "/cnb/lifecycle/lifecycle";

/// Why a phase did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhaseError {
    #[error("failed with status code: {code}")]
    Failed { phase: Phase, code: i32 },
    #[error("{phase} was ended by signal {signal}")]
    Signalled { phase: Phase, signal: i32 },
    #[error("could not run {phase}")]
    Sandbox { phase: Phase, source: SandboxError },
    #[error("could not read the output of {phase}")]
    Output { phase: Phase, source: std::io::Error },
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}

/// The phases that run foreign code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Detect,
    Build,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Build => "build",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.word())
    }
}

/// The builder's file system, ready to run phases in.
pub(super) struct Chamber<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) executor: NativeExecutor,
    pub(super) lower: Vec<PathBuf>,
    pub(super) writable: WritablePaths,
    pub(super) mounts: Vec<Mount>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) user: (u32, u32),
    /// The application's directory inside.
    pub(super) workspace: PathBuf,
    pub(super) network: Network,
}

impl Chamber<'_> {
    /// Runs a phase to its end; what it prints is passed on as it comes.
    pub(super) fn run(&self, phase: Phase, scratch: PathBuf) -> Result<(), PhaseError> {
        let interrupt = &self.context.interrupt;
        interrupt.check()?;
        let sandbox = |source| PhaseError::Sandbox { phase, source };
        let (reader, writer) = std::io::pipe().map_err(|source| PhaseError::Output { phase, source })?;
        let second = writer.try_clone().map_err(|source| PhaseError::Output { phase, source })?;
        let workspace = self.workspace.as_os_str();
        let (events, events_writer) = std::io::pipe().map_err(|source| PhaseError::Output { phase, source })?;
        let further = FurtherDescriptor { variable: DESCRIPTOR_VARIABLE.to_owned(), descriptor: events_writer.into() };
        let arguments = [LIFECYCLE.as_ref(), phase.word().as_ref(), "-app".as_ref(), workspace];
        let command = Command {
            environment: self.environment.clone(),
            working_directory: PathBuf::from("/layers"),
            stdout: Stream::Descriptor(writer.into()),
            stderr: Stream::Descriptor(second.into()),
            network: self.network,
            further: Some(further),
            ..Command::new(arguments, self.user)
        };
        let root =
            Root { lower: self.lower.clone(), scratch, mounts: self.mounts.clone(), writable: self.writable.clone() };
        self.context.output.line(Level::Debug, &format!("Running {phase} as user {}:{}", self.user.0, self.user.1));
        let running = self.executor.start(&root, command).map_err(sandbox)?;
        let control = running.control();
        let exit = std::thread::scope(|scope| {
            let copying = scope.spawn(|| self.pass_on(reader));
            scope.spawn(|| events::pass_on(events, self.context.output));
            let exit = interrupt.watch(&control, Reaction::Kill, || running.wait());
            copying.join().map_or(Ok(()), |copied| copied).map_err(|source| PhaseError::Output { phase, source })?;
            exit.map_err(sandbox)
        })?;
        interrupt.check()?;
        match exit {
            Exit::Code(0) => Ok(()),
            Exit::Code(code) => Err(PhaseError::Failed { phase, code }),
            Exit::Signal(signal) => Err(PhaseError::Signalled { phase, signal }),
        }
    }

    fn pass_on(&self, mut reader: std::io::PipeReader) -> std::io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => self.context.output.bytes(&buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
