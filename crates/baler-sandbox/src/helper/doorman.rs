//! Process 1 makes connections to ports inside for the caller, and hands out the sockets.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv,
    sendmsg, socket_with, sockopt,
};

/// For how long process 1 may wait for a connection on its own loopback, which usually is there at once.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Answers one request; `false` if nobody asks any more.
pub(super) fn serve(socket: &OwnedFd) -> bool {
    let mut port = [0; 2];
    match recv(socket, &mut port, RecvFlags::DONTWAIT) {
        Ok((_, 2)) => {}
        Err(Errno::AGAIN | Errno::INTR) => return true,
        Ok(_) | Err(_) => return false,
    }
    match connect(u16::from_le_bytes(port)) {
        Ok(connected) => answer(socket, 0, Some(&connected)),
        Err(errno) => answer(socket, errno.raw_os_error(), None),
    }
    .is_ok()
}

fn answer(socket: &OwnedFd, errno: i32, connected: Option<&OwnedFd>) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = connected.map(|connected| [connected.as_fd()]);
    if let Some(descriptors) = &descriptors {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(socket, &[IoSlice::new(&errno.to_le_bytes())], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Programs listen on all addresses, on those of IPv4 or on those of IPv6.
fn connect(port: u16) -> Result<OwnedFd, Errno> {
    let mut refused = Errno::CONNREFUSED;
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        match connect_to(SocketAddr::new(address, port)) {
            Ok(connected) => return Ok(connected),
            Err(errno) => refused = errno,
        }
    }
    Err(refused)
}

fn connect_to(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) => Ok(socket),
        Err(Errno::INPROGRESS) => {
            poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&PATIENCE))?;
            sockopt::socket_error(&socket)??;
            Ok(socket)
        }
        Err(errno) => Err(errno),
    }
}
