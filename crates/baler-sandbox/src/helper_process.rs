//! The caller's end of a command that a helper runs: its streams, its reports, and the bytes that signal it.

use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;

use crate::wire::{self, KILL, Report, Request};
use crate::{Command, Control, Exit, Process, SandboxError, SandboxProgram, Stream, Streams, refusal};

/// A command, and the helper that runs it. Dropping it kills everything inside, and waits until nothing is left.
pub(crate) struct HelperProcess {
    child: Child,
    socket: Arc<Socket>,
    /// Once it has ended.
    exit: Option<Exit>,
    /// Why the network has no way out, although one was asked for.
    pub(crate) no_way_out: Option<String>,
}

/// Our end of the connection. The process that the command is a child of holds the other.
struct Socket(UnixStream);

impl HelperProcess {
    /// Starts a helper with this request, which is about `command`; returns when the command's program is executed.
    pub(crate) fn start(
        program: &SandboxProgram,
        command: Command,
        request: &Request,
    ) -> Result<(Streams, Self), SandboxError> {
        let lost = |source| SandboxError::Helper { source };
        let executed = command.argv.first().cloned().unwrap_or_default();
        let (streams, descriptors) = connect(command).map_err(lost)?;
        let (socket, theirs) = UnixStream::pair().map_err(lost)?;
        let child = program.start(theirs, Stdio::inherit())?;
        let mut process = Self { child, socket: Arc::new(Socket(socket)), exit: None, no_way_out: None };
        let borrowed: Vec<_> = descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
        // If it fails, the helper has ended: what became of it says more.
        let _ = wire::send_request(&process.socket.0, &borrowed, request);
        drop(descriptors);
        let mut report = wire::receive_message(&process.socket.0).map_err(lost)?;
        if let Some(Report::NoWayOut(reason)) = report {
            process.no_way_out = Some(reason);
            report = wire::receive_message(&process.socket.0).map_err(lost)?;
        }
        match report {
            Some(Report::Started) => Ok((streams, process)),
            Some(Report::Failed(failure)) => {
                process.child.wait().map_err(lost)?;
                Err(refusal::error_of(failure, executed))
            }
            Some(Report::Exited(_) | Report::Signaled(_) | Report::Done | Report::NoWayOut(_)) | None => {
                let status = process.child.wait().map_err(lost)?;
                Err(SandboxError::HelperEnded { status })
            }
        }
    }
}

impl Process for HelperProcess {
    fn wait(&mut self) -> Result<Exit, SandboxError> {
        let lost = |source| SandboxError::Helper { source };
        while let Some(report) = wire::receive_message(&self.socket.0).map_err(lost)? {
            match report {
                Report::Exited(code) => self.exit = Some(Exit::Code(code)),
                Report::Signaled(number) => self.exit = Some(Exit::Signal(number)),
                Report::Failed(failure) => return Err(refusal::error_of(failure, OsString::new())),
                Report::Started | Report::Done | Report::NoWayOut(_) => {}
            }
        }
        // The helper waits for process 1, whose end the kernel reports when all others have ended.
        let status = self.child.wait().map_err(lost)?;
        self.exit.ok_or(SandboxError::HelperEnded { status })
    }

    fn control(&self) -> Arc<dyn Control> {
        self.socket.clone()
    }
}

impl Control for Socket {
    fn signal(&self, signal: Signal) {
        // After the end there is nobody to tell, and that is no error.
        let _ = wire::send_bytes(&self.0, &[u8::try_from(signal.as_raw()).unwrap_or(KILL)]);
    }

    fn kill(&self) {
        let _ = wire::send_bytes(&self.0, &[KILL]);
    }
}

impl Drop for HelperProcess {
    fn drop(&mut self) {
        self.socket.kill();
        // If it has been waited for, this returns at once.
        let _ = self.child.wait();
    }
}

/// Makes the pipes that are asked for: our ends, and what the command gets.
fn connect(command: Command) -> io::Result<(Streams, Vec<OwnedFd>)> {
    let (stdin, input) = match command.stdin {
        Stream::Piped => io::pipe().map(|(reader, writer)| (Some(writer), OwnedFd::from(reader)))?,
        other => (None, descriptor(other, rustix::stdio::stdin())?),
    };
    let (stdout, output) = output(command.stdout, rustix::stdio::stdout())?;
    let (stderr, errors) = self::output(command.stderr, rustix::stdio::stderr())?;
    let mut descriptors = vec![input, output, errors];
    descriptors.extend(command.gate.map(|gate| gate.socket));
    descriptors.extend(command.further.map(|further| further.descriptor));
    Ok((Streams { stdin, stdout, stderr }, descriptors))
}

fn output(stream: Stream, own: BorrowedFd<'_>) -> io::Result<(Option<PipeReader>, OwnedFd)> {
    match stream {
        Stream::Piped => {
            let (reader, writer): (PipeReader, PipeWriter) = io::pipe()?;
            Ok((Some(reader), writer.into()))
        }
        other => Ok((None, descriptor(other, own)?)),
    }
}

fn descriptor(stream: Stream, own: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    match stream {
        Stream::Inherit => own.try_clone_to_owned(),
        Stream::Null | Stream::Piped => {
            Ok(rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
        }
        Stream::Descriptor(descriptor) => Ok(descriptor),
    }
}
