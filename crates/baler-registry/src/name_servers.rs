//! Whether any name server can be reached at all, asked of the kernel and not of the network.
//!
//! musl waits for answers as long as `/etc/resolv.conf` says (5 s where it says nothing), also where the kernel has refused
//! to send the questions: it does not look. glibc does, and gives up at once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

/// What the system's resolver reads (resolv.conf(5)).
const FILE: &str = "/etc/resolv.conf";
/// musl asks no more than these.
const MOST: usize = 3;

/// Whether questions reach nobody: there is no way to any name server, or nothing listens where one on this machine would.
pub(crate) fn are_out_of_reach() -> bool {
    let text = fs_err::read_to_string(Path::new(FILE)).unwrap_or_default();
    !name_servers(&text).into_iter().any(may_answer)
}

/// The servers that are asked. Without one it is this machine.
fn name_servers(text: &str) -> Vec<IpAddr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then_some(())?;
        words.next()?.split('%').next()?.parse().ok()
    });
    let servers: Vec<IpAddr> = addresses.take(MOST).collect();
    if servers.is_empty() { vec![Ipv4Addr::LOCALHOST.into()] } else { servers }
}

fn may_answer(server: IpAddr) -> bool {
    may_answer_at(SocketAddr::new(server, 53))
}

/// Without a network the socket gets no way to the server. On this machine the first of two empty datagrams already brings
/// back that nobody takes it; a name server drops them.
fn may_answer_at(server: SocketAddr) -> bool {
    let own: IpAddr = match server.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let Ok(socket) = UdpSocket::bind((own, 0)) else { return false };
    if socket.connect(server).is_err() {
        return false;
    }
    !server.ip().is_loopback() || (socket.send(&[]).is_ok() && socket.send(&[]).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_a_file() {
        let text = "# nameserver 1.1.1.1\nsearch example\nnameserver 10.0.0.1\n nameserver fe80::1%eth0\nnameserver x\noptions timeout:1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n";
        let expected: [IpAddr; 3] = ["10.0.0.1", "fe80::1", "10.0.0.2"].map(|text| text.parse().expect("an address"));
        assert_eq!(name_servers(text), expected);
        assert_eq!(name_servers(""), [IpAddr::from([127, 0, 0, 1])]);
    }

    #[test]
    fn one_that_listens_and_one_that_does_not() {
        let listens = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = listens.local_addr().expect("an address");
        assert!(may_answer_at(address));
        drop(listens);
        assert!(!may_answer_at(address));
    }
}
