//! `-p [HOST:]PORT[:CONTAINER]`: which port of the host leads to which port of the application.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// A port of the host that is forwarded. Only TCP is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortForward {
    /// Where the host listens. Port 0 is one that is free.
    pub listen: SocketAddr,
    /// The port of the application.
    pub port: u16,
}

/// A text is no forwarded port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no port to publish: {reason}")]
pub struct InvalidPortForward {
    pub text: String,
    pub reason: Reason,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Shape,
    Host,
    Port,
    Protocol,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Shape => "the form is [HOST:]PORT[:CONTAINER]",
            Self::Host => "HOST must be an IP address (one of IPv6 in brackets), or localhost",
            Self::Port => "PORT must be a number up to 65535, and CONTAINER one from 1 on",
            Self::Protocol => "only TCP is forwarded",
        })
    }
}

impl FromStr for PortForward {
    type Err = InvalidPortForward;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|reason| InvalidPortForward { text: text.to_owned(), reason })
    }
}

fn parse(text: &str) -> Result<PortForward, Reason> {
    let text = match text.split_once('/') {
        None => text,
        Some((ports, "tcp")) => ports,
        Some(_) => return Err(Reason::Protocol),
    };
    let (host, ports) = split_host(text)?;
    let mut ports = ports.split(':');
    let (outside, inside, more) = (ports.next().unwrap_or_default(), ports.next(), ports.next());
    if more.is_some() {
        return Err(Reason::Shape);
    }
    let listen = number(outside)?;
    let port = inside.map_or(Ok(listen), number)?;
    if port == 0 {
        return Err(Reason::Port);
    }
    Ok(PortForward { listen: SocketAddr::new(host, listen), port })
}

/// Without a host it is the loopback: an application that is tried is not for the whole network to see.
fn split_host(text: &str) -> Result<(IpAddr, &str), Reason> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, ports) = rest.split_once("]:").ok_or(Reason::Shape)?;
        return Ok((IpAddr::V6(host.parse().map_err(|_| Reason::Host)?), ports));
    }
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once(':') {
        Some((host, ports)) if !is_number(host) => {
            let host = if host == "localhost" { Ok(Ipv4Addr::LOCALHOST) } else { host.parse() };
            Ok((IpAddr::V4(host.map_err(|_| Reason::Host)?), ports))
        }
        Some(_) | None => Ok((IpAddr::V4(Ipv4Addr::LOCALHOST), text)),
    }
}

fn number(text: &str) -> Result<u16, Reason> {
    if text.starts_with('+') { Err(Reason::Port) } else { text.parse().map_err(|_| Reason::Port) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let forms = [
            ("8080", "127.0.0.1:8080", 8080),
            ("9000:80", "127.0.0.1:9000", 80),
            ("0:8080", "127.0.0.1:0", 8080),
            ("localhost:9000", "127.0.0.1:9000", 9000),
            ("0.0.0.0:9000:80", "0.0.0.0:9000", 80),
            ("[::1]:9000:80/tcp", "[::1]:9000", 80),
        ];
        for (text, listen, port) in forms {
            assert_eq!(text.parse(), Ok(PortForward { listen: listen.parse().unwrap(), port }), "{text}");
        }
    }

    #[test]
    fn what_is_wrong() {
        let wrong = [
            ("", Reason::Port),
            ("0", Reason::Port),
            ("80:0", Reason::Port),
            ("70000", Reason::Port),
            ("+80", Reason::Port),
            ("8000-8010", Reason::Port),
            ("80:90:100", Reason::Shape),
            ("[::1]80", Reason::Shape),
            ("[x]:80", Reason::Host),
            ("example.org:80", Reason::Host),
            ("53/udp", Reason::Protocol),
        ];
        for (text, reason) in wrong {
            assert_eq!(text.parse::<PortForward>().unwrap_err().reason, reason, "{text}");
        }
    }
}
