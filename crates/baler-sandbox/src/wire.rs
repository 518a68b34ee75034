//! What the caller and its helper say to each other over one Unix socket.
//!
//! The caller sends descriptors and one request, then one byte per signal ([`KILL`] ends everything). The helper, and
//! later the first process inside, answer with reports. Whoever sees the other end close stops.

use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, IoSliceMut, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, send, sendmsg,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Command, ExecFailure, IdMap, Session, Step};

/// The byte that ends everything inside; all others are numbers of signals.
pub(crate) const KILL: u8 = 0;

/// Requests hold an environment and paths; more than this is a mistake.
const LARGEST_MESSAGE: u32 = 64 << 20;

const MOST_DESCRIPTORS: usize = 5;

/// What the helper is asked to do.
#[derive(Serialize, Deserialize)]
pub(crate) enum Request {
    /// Run a command; with the descriptors of its three streams.
    Sandbox(Box<SandboxRequest>),
    /// Run a command where the helper is; with the descriptors of its three streams.
    InPlace(CommandRequest),
    /// Run an operation of the program; with the descriptor of its input.
    Operation(OperationRequest),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SandboxRequest {
    pub(crate) id_map: IdMap,
    pub(crate) lower: Vec<Text>,
    pub(crate) scratch: Text,
    pub(crate) mounts: Vec<MountRequest>,
    pub(crate) writable: Vec<Text>,
    pub(crate) protected: Vec<Text>,
    pub(crate) command: CommandRequest,
    pub(crate) hostname: String,
    pub(crate) private_network: bool,
    /// What leads into it; then the descriptor after the streams is the socket of it.
    pub(crate) gate: Option<GateRequest>,
    /// Whether to do without the mount calls that came after Linux 5.11.
    pub(crate) oldest_calls: bool,
}

/// The command's own process.
#[derive(Serialize, Deserialize)]
pub(crate) struct CommandRequest {
    pub(crate) argv: Vec<Text>,
    /// `NAME=VALUE` each.
    pub(crate) environment: Vec<Text>,
    pub(crate) working_directory: Text,
    pub(crate) user: (u32, u32),
    pub(crate) new_session: bool,
    /// Names a fourth descriptor, which is sent along then.
    pub(crate) further_variable: Option<String>,
}

impl CommandRequest {
    pub(crate) fn new(command: &Command) -> Self {
        let variable = |(name, value): &(OsString, OsString)| {
            let mut entry = name.clone();
            entry.push("=");
            entry.push(value);
            Text::from(&entry)
        };
        Self {
            argv: command.argv.iter().map(Into::into).collect(),
            environment: command.environment.iter().map(variable).collect(),
            working_directory: command.working_directory.as_path().into(),
            user: command.user,
            new_session: command.session == Session::New,
            further_variable: command.further.as_ref().map(|further| further.variable.clone()),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct GateRequest {
    pub(crate) pasta: Option<Text>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct MountRequest {
    pub(crate) source: Text,
    pub(crate) target: Text,
    pub(crate) writable: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct OperationRequest {
    pub(crate) id_map: IdMap,
    pub(crate) name: String,
    pub(crate) directory: Text,
    pub(crate) arguments: Vec<Text>,
}

/// What the helper answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The network has no way out, for this reason. The command is started all the same.
    NoWayOut(String),
    /// The command's program was executed.
    Started,
    /// The command ended by itself.
    Exited(i32),
    /// The command was ended by a signal.
    Signaled(i32),
    /// The operation succeeded.
    Done,
    /// Something went wrong.
    Failed(Failure),
}

/// What went wrong on the helper's side.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Failure {
    Namespaces { errno: i32 },
    MapSubIds { program: PathBuf, message: String },
    Setup { step: Step, path: Option<Text>, errno: i32 },
    Execute { failure: ExecFailure, errno: i32 },
    Operation { message: String },
    UnknownOperation,
}

/// Bytes that are usually text, such as a path: in JSON a string with one character for each byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(OsString);

impl Text {
    pub(crate) fn as_os_str(&self) -> &OsStr {
        &self.0
    }

    pub(crate) fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    pub(crate) fn into_os_string(self) -> OsString {
        self.0
    }
}

impl<T: AsRef<OsStr> + ?Sized> From<&T> for Text {
    fn from(text: &T) -> Self {
        Self(text.as_ref().to_owned())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.as_bytes().iter().copied().map(char::from).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        bytes.map(|bytes| Self(OsString::from_vec(bytes))).map_err(D::Error::custom)
    }
}

/// Sends a request and what belongs to it.
pub(crate) fn send_request(socket: &UnixStream, descriptors: &[BorrowedFd<'_>], request: &Request) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(descriptors));
    sendmsg(socket, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    send_message(socket, request)
}

/// Receives a request and what belongs to it.
pub(crate) fn receive_request(socket: &UnixStream) -> io::Result<(Vec<OwnedFd>, Request)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    let request = receive_message(socket)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((descriptors, request))
}

/// Sends one message: its length and its JSON.
pub(crate) fn send_message(socket: &UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).map_err(|_| io::ErrorKind::FileTooLarge)?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    send_bytes(socket, &bytes)
}

/// Sends `bytes`, without a signal when nobody listens.
pub(crate) fn send_bytes(socket: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match send(&socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Receives one message; `None` when the other end has closed.
pub(crate) fn receive_message<M: for<'de> Deserialize<'de>>(mut socket: &UnixStream) -> io::Result<Option<M>> {
    let mut length = [0; 4];
    match socket.read_exact(&mut length) {
        Ok(()) => {}
        // A process that ends with unread bytes resets the connection.
        Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length);
    if length > LARGEST_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length as usize];
    socket.read_exact(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive() {
        let bytes: Vec<u8> = (0..=255).collect();
        let text = Text(OsString::from_vec(bytes));
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<Text>(&json).unwrap(), text);
        assert!(serde_json::from_str::<Text>("\"\u{100}\"").is_err());
    }

    #[test]
    fn a_request_arrives_with_its_descriptors() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let id_map = IdMap::single(&crate::Identity { uid: 1, gid: 2, user_name: None }, (3, 4));
        let request = OperationRequest { id_map, name: "some".into(), directory: "/".into(), arguments: vec![] };
        send_request(&ours, &[reader.as_fd()], &Request::Operation(request)).unwrap();
        let (descriptors, request) = receive_request(&theirs).unwrap();
        assert!(matches!(request, Request::Operation(OperationRequest { name, .. }) if name == "some"));
        io::Write::write_all(&mut writer, b"x").unwrap();
        let mut received = [0];
        io::PipeReader::from(descriptors.into_iter().next().unwrap()).read_exact(&mut received).unwrap();
        assert_eq!(received, *b"x");
        drop(theirs);
        assert!(receive_message::<Report>(&ours).unwrap().is_none());
    }
}
