//! What is run, with which streams, and how it ended.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::Gate;

/// One command: what the payload's process looks like, completely. Nothing is inherited that is not named here,
/// except resource limits; and of these the one for core files is 0.
#[derive(Debug)]
pub struct Command {
    /// The program and its arguments. A program without a slash is looked up in the `PATH` of `environment`.
    pub argv: Vec<OsString>,
    /// The whole environment, in this order.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it starts; absolute, inside. Made if it is absent, as container engines do.
    pub working_directory: PathBuf,
    /// The user and group id inside. They must be mapped; there are no supplementary groups.
    pub user: (u32, u32),
    /// The host name that is seen inside.
    pub hostname: String,
    /// Standard input.
    pub stdin: Stream,
    /// Standard output.
    pub stdout: Stream,
    /// Standard error.
    pub stderr: Stream,
    /// Which network it sees.
    pub network: Network,
    /// What leads into a network of its own, and out of it; of use with [`Network::None`].
    pub gate: Option<Gate>,
    /// Whether it belongs to the caller's terminal.
    pub session: Session,
    /// One more descriptor. The program finds its number in a variable.
    pub further: Option<FurtherDescriptor>,
}

/// A descriptor beside the standard streams.
#[derive(Debug)]
pub struct FurtherDescriptor {
    /// The variable that tells its number.
    pub variable: String,
    pub descriptor: OwnedFd,
}

impl Command {
    /// A command with an empty environment, in `/`, without input, with the caller's output, on the host's network,
    /// in a session of its own.
    pub fn new<A: Into<OsString>>(argv: impl IntoIterator<Item = A>, user: (u32, u32)) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            working_directory: PathBuf::from("/"),
            user,
            hostname: "baler".to_owned(),
            stdin: Stream::Null,
            stdout: Stream::Inherit,
            stderr: Stream::Inherit,
            network: Network::Host,
            gate: None,
            session: Session::New,
            further: None,
        }
    }
}

/// Where a standard stream leads.
#[derive(Debug)]
pub enum Stream {
    /// To the caller's own stream.
    Inherit,
    /// To nothing.
    Null,
    /// To a pipe whose other end is in [`Streams`](crate::Streams).
    Piped,
    /// To this file, pipe or socket.
    Descriptor(OwnedFd),
}

/// Which network a command sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The host's.
    Host,
    /// One of its own, with nothing but a loopback interface and what its [`Gate`] leads to.
    None,
}

/// Whether a command belongs to the caller's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// A session of its own: the terminal's keys send it no signals, and it cannot type into the terminal.
    New,
    /// The caller's session and process group: for a shell at a terminal. The keys reach the command directly, so the
    /// caller must not forward what the terminal sent.
    Inherit,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// Whether the code is 0.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    /// What a shell would call it: the code, or 128 and the signal's number.
    pub fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(number) => 128 + number,
        }
    }
}
