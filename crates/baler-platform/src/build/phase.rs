//! Detect and build: phase programs in the builder's file system.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use baler_lifecycle::progress::DESCRIPTOR_VARIABLE;
use baler_sandbox::{Command, Executor, Exit, FurtherDescriptor, Network, Root, SandboxError, Stream};

use super::events;
use crate::context::Context;
use crate::interrupt::{Interrupted, Reaction};
use crate::output::Level;

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

    /// Whether its program has the flag.
    fn takes(self, flag: &str) -> bool {
        match self {
            Self::Detect => true,
            Self::Build => !matches!(flag, "-order" | "-extensions" | "-system"),
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
    pub(super) executor: &'a dyn Executor,
    /// Without a place for what is written.
    pub(super) root: &'a Root,
    /// The lifecycle inside.
    pub(super) program: &'a Path,
    pub(super) flags: &'a [(&'static str, PathBuf)],
    pub(super) environment: &'a [(OsString, OsString)],
    pub(super) user: (u32, u32),
    /// The application's directory inside.
    pub(super) workspace: &'a Path,
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
        let (events, events_writer) = std::io::pipe().map_err(|source| PhaseError::Output { phase, source })?;
        let further = FurtherDescriptor { variable: DESCRIPTOR_VARIABLE.to_owned(), descriptor: events_writer.into() };
        let command = Command {
            environment: self.environment.to_vec(),
            working_directory: PathBuf::from("/layers"),
            stdout: Stream::Descriptor(writer.into()),
            stderr: Stream::Descriptor(second.into()),
            network: self.network,
            further: Some(further),
            ..Command::new(self.arguments(phase), self.user)
        };
        let root = Root { scratch, ..self.root.clone() };
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

    fn arguments(&self, phase: Phase) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![self.program.into(), phase.word().into()];
        arguments.extend(["-app".into(), self.workspace.into()]);
        for (flag, path) in self.flags.iter().filter(|(flag, _)| phase.takes(flag)) {
            arguments.extend([(*flag).into(), path.into()]);
        }
        arguments
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
