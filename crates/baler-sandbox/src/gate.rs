//! What leads into a network of the command's own, and out of it.
//!
//! Into it: the first process inside makes connections to ports of the command, and passes the connected sockets to the
//! caller. Out of it: `pasta`, where it is installed and may be used, gives the network an interface whose traffic it
//! turns into that of an ordinary program. Neither needs privileges.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Mutex;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags, SocketType, recvmsg,
    send, socketpair,
};

/// The address inside that answers questions to the host's name server, where there is a way out.
pub const NAME_SERVER: &str = "169.254.1.1";

/// The command's side of an [`Entrance`], and the way out.
#[derive(Debug)]
pub struct Gate {
    pub(crate) socket: OwnedFd,
    /// The program `pasta`; without it there is no way out.
    pub pasta: Option<PathBuf>,
}

/// Makes connections into the network of a command, from any thread.
#[derive(Debug)]
pub struct Entrance {
    socket: Mutex<OwnedFd>,
}

impl Gate {
    /// A gate for [`Command::gate`](crate::Command), and its entrance.
    pub fn new(pasta: Option<PathBuf>) -> io::Result<(Self, Entrance)> {
        // With boundaries between messages: each is one request, or one answer.
        let (ours, socket) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self { socket, pasta }, Entrance { socket: Mutex::new(ours) }))
    }
}

impl Entrance {
    /// A connection to what listens on `port` inside, on its loopback interface.
    pub fn connect(&self, port: u16) -> io::Result<TcpStream> {
        let socket = self.socket.lock().map_err(|_| io::ErrorKind::Other)?;
        send(&*socket, &port.to_le_bytes(), SendFlags::NOSIGNAL)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut errno = [0; 4];
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(&*socket, &mut [IoSliceMut::new(&mut errno)], &mut control, RecvFlags::CMSG_CLOEXEC)
        })?;
        if received.bytes != errno.len() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let connected = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        match connected {
            Some(connected) => {
                let stream = TcpStream::from(connected);
                stream.set_nonblocking(false)?;
                Ok(stream)
            }
            None => Err(Errno::from_raw_os_error(i32::from_le_bytes(errno)).into()),
        }
    }
}
