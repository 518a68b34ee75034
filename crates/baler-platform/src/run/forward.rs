//! Connections to ports of the host are passed on to the application, byte by byte, by this process.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use baler_sandbox::Entrance;
use rustix::event::{PollFd, PollFlags, poll};

use super::ports::PortForward;

/// The host does not let this process listen there.
#[derive(Debug, thiserror::Error)]
#[error("could not listen on {address} for -p")]
pub struct ListenError {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// Ports of the host that this process listens on.
pub(super) struct Listeners(Vec<(TcpListener, u16)>);

impl Listeners {
    /// Takes all ports before anything else is done, so that one that is in use is found out at once.
    pub(super) fn bind(forwards: &[PortForward]) -> Result<Self, ListenError> {
        let bind = |forward: &PortForward| {
            let failed = |source| ListenError { address: forward.listen, source };
            let listener = TcpListener::bind(forward.listen).map_err(failed)?;
            // A visitor may be gone again between the moment when it is announced and that when it is let in.
            listener.set_nonblocking(true).map_err(failed)?;
            Ok((listener, forward.port))
        };
        forwards.iter().map(bind).collect::<Result<_, _>>().map(Self)
    }

    /// Where it listens, and for which port of the application.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (SocketAddr, u16)> {
        self.0.iter().filter_map(|(listener, port)| Some((listener.local_addr().ok()?, *port)))
    }

    /// Passes connections on from now on, in threads of its own, until the result is dropped.
    pub(super) fn forward(self, entrance: Entrance) -> io::Result<Forwarding> {
        let (reader, stop) = io::pipe()?;
        let entrance = Arc::new(entrance);
        let accepting = std::thread::Builder::new()
            .name("forward".to_owned())
            .spawn(move || accept_all(&self.0, &reader, &entrance))?;
        Ok(Forwarding { stop: Some(stop), accepting: Some(accepting) })
    }
}

/// Listening goes on while this lives. Connections that are open end when one of their ends does.
pub(super) struct Forwarding {
    stop: Option<PipeWriter>,
    accepting: Option<JoinHandle<()>>,
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn accept_all(listeners: &[(TcpListener, u16)], stop: &PipeReader, entrance: &Arc<Entrance>) {
    loop {
        let mut events = vec![PollFd::new(stop, PollFlags::IN)];
        events.extend(listeners.iter().map(|(listener, _)| PollFd::new(listener, PollFlags::IN)));
        match poll(&mut events, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
        let happened: Vec<bool> = events.iter().map(|event| !event.revents().is_empty()).collect();
        if happened[0] {
            return;
        }
        for ((listener, port), _) in listeners.iter().zip(&happened[1..]).filter(|(_, happened)| **happened) {
            match listener.accept() {
                Ok((visitor, _)) => serve(visitor, *port, entrance),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // No descriptor is left, for example: others may be given back.
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(10)),
            }
        }
    }
}

/// In a thread of its own. A visitor that cannot be served finds the connection closed, as with any engine.
fn serve(visitor: TcpStream, port: u16, entrance: &Arc<Entrance>) {
    let entrance = Arc::clone(entrance);
    let _ = std::thread::Builder::new().name("connection".to_owned()).spawn(move || {
        let _ = connect(&visitor, port, &entrance);
    });
}

fn connect(visitor: &TcpStream, port: u16, entrance: &Entrance) -> io::Result<()> {
    visitor.set_nonblocking(false)?;
    let application = entrance.connect(port)?;
    visitor.set_nodelay(true)?;
    application.set_nodelay(true)?;
    let (from_visitor, to_application) = (visitor.try_clone()?, application.try_clone()?);
    let inward =
        std::thread::Builder::new().name("inward".to_owned()).spawn(move || copy(&from_visitor, &to_application))?;
    copy(&application, visitor);
    let _ = inward.join();
    Ok(())
}

/// Copies until the end, and passes that on: the other direction may go on. After an error nothing does.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    let copied = loop {
        match from.read(&mut buffer) {
            Ok(0) => break to.shutdown(Shutdown::Write),
            Ok(count) => {
                if let Err(error) = to.write_all(&buffer[..count]) {
                    break Err(error);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    if copied.is_err() {
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_an_error_that_names_it() {
        let first = Listeners::bind(&["0:80".parse().unwrap()]).unwrap();
        let (address, _) = first.addresses().next().unwrap();
        let forward = PortForward { listen: address, port: 80 };
        let Err(error) = Listeners::bind(&[forward]) else { panic!("{address} twice") };
        assert_eq!(error.address, address);
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    }
}
