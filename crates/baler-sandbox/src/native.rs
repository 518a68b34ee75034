//! The executor that uses the kernel's own namespaces, without a daemon and without root.

use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;

use crate::wire::{self, KILL, MountRequest, Report, Request, SandboxRequest, Text};
use crate::{
    Command, Control, Executor, Exit, IdMap, Network, Process, Root, Running, SandboxError, SandboxProgram, Session,
    Stream, Streams, refusal,
};

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
    /// An executor that uses the best that the kernel has.
    pub fn new(program: SandboxProgram, id_map: IdMap) -> Self {
        Self { program, id_map, kernel_calls: KernelCalls::Best }
    }

    fn request(&self, root: &Root, command: &Command) -> SandboxRequest {
        let mounts = root.mounts.iter().map(|mount| MountRequest {
            source: mount.source.as_path().into(),
            target: mount.target.as_path().into(),
            writable: mount.writable,
        });
        let variable = |(name, value): &(OsString, OsString)| {
            let mut entry = name.clone();
            entry.push("=");
            entry.push(value);
            Text::from(&entry)
        };
        SandboxRequest {
            id_map: self.id_map.clone(),
            lower: root.lower.iter().map(|path| path.as_path().into()).collect(),
            scratch: root.scratch.as_path().into(),
            mounts: mounts.collect(),
            writable: root.writable.writable.iter().map(|path| path.as_path().into()).collect(),
            protected: root.writable.protected.iter().map(|path| path.as_path().into()).collect(),
            argv: command.argv.iter().map(Into::into).collect(),
            environment: command.environment.iter().map(variable).collect(),
            working_directory: command.working_directory.as_path().into(),
            user: command.user,
            hostname: command.hostname.clone(),
            private_network: command.network == Network::None,
            new_session: command.session == Session::New,
            further_variable: command.further.as_ref().map(|further| further.variable.clone()),
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
        let lost = |source| SandboxError::Helper { source };
        let request = self.request(root, &command);
        let program = command.argv.first().cloned().unwrap_or_default();
        let (streams, descriptors) = connect(command).map_err(lost)?;
        let (socket, theirs) = UnixStream::pair().map_err(lost)?;
        let child = self.program.start(theirs, Stdio::inherit())?;
        let mut process = NativeProcess { child, socket: Arc::new(Socket(socket)), exit: None };
        let borrowed: Vec<_> = descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
        // If it fails, the helper has ended: what became of it says more.
        let _ = wire::send_request(&process.socket.0, &borrowed, &Request::Sandbox(Box::new(request)));
        drop(descriptors);
        match wire::receive_message(&process.socket.0).map_err(lost)? {
            Some(Report::Started) => Ok(Running::new(streams, Box::new(process))),
            Some(Report::Failed(failure)) => {
                process.child.wait().map_err(lost)?;
                Err(refusal::error_of(failure, program))
            }
            Some(Report::Exited(_) | Report::Signaled(_) | Report::Done) | None => {
                let status = process.child.wait().map_err(lost)?;
                Err(SandboxError::HelperEnded { status })
            }
        }
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

struct NativeProcess {
    child: Child,
    socket: Arc<Socket>,
    /// Once it has ended.
    exit: Option<Exit>,
}

/// Our end of the connection. Process 1 inside holds the other.
struct Socket(UnixStream);

impl Process for NativeProcess {
    fn wait(&mut self) -> Result<Exit, SandboxError> {
        let lost = |source| SandboxError::Helper { source };
        while let Some(report) = wire::receive_message(&self.socket.0).map_err(lost)? {
            match report {
                Report::Exited(code) => self.exit = Some(Exit::Code(code)),
                Report::Signaled(number) => self.exit = Some(Exit::Signal(number)),
                Report::Failed(failure) => return Err(refusal::error_of(failure, OsString::new())),
                Report::Started | Report::Done => {}
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

impl Drop for NativeProcess {
    fn drop(&mut self) {
        self.socket.kill();
        // If it has been waited for, this returns at once.
        let _ = self.child.wait();
    }
}
