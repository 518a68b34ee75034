//! The process that the payload is a child of: starts it, passes signals on, reaps, and ends everything in time. It is
//! process 1 of the pid namespace where there is one, else a reaper of all that it started.

use std::io::{PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use rustix::process::{self, DumpableBehavior, Pid, Signal, WaitOptions, WaitStatus};

use super::kernel::CallerIs;
use super::payload::{Payload, Place};
use super::{at_step, doorman, report};
use crate::Step;
use crate::descendants;
use crate::sys::{self, Fork};
use crate::wire::{CommandRequest, Failure, KILL, Report};

/// What leads to others besides the socket.
pub(super) struct Links<'a> {
    /// Closes with the helper, where that is another process.
    pub(super) lifeline: Option<&'a PipeReader>,
    /// Over it the caller asks for connections to the command's ports.
    pub(super) entrance: Option<OwnedFd>,
}

/// Runs the command to its end.
pub(super) fn run(
    socket: &UnixStream,
    request: &CommandRequest,
    place: Place,
    streams: Vec<OwnedFd>,
    links: Links<'_>,
) -> Result<CallerIs, Failure> {
    // This process holds descriptors of the host: nobody inside may look into it.
    process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(at_step(Step::DropPrivileges))?;
    let events = sys::child_events().map_err(at_step(Step::Watch))?;
    let payload = start(request, place, &streams)?;
    // Whoever reads from the command must see its end.
    drop(streams);
    report(socket, &Report::Started);
    let outcome = FirstProcess { socket, links, events, payload, place }.watch();
    kill_all(place);
    if let Outcome::Ended(status) = outcome {
        report(
            socket,
            &status
                .terminating_signal()
                .map_or_else(|| Report::Exited(status.exit_status().unwrap_or(-1)), Report::Signaled),
        );
    }
    reap_all(place);
    Ok(if matches!(outcome, Outcome::CallerGone) { CallerIs::Gone } else { CallerIs::There })
}

/// Starts the payload; returns when its program is executed.
fn start(request: &CommandRequest, place: Place, streams: &[OwnedFd]) -> Result<Pid, Failure> {
    let payload = Payload::new(request, place, streams)?;
    let (mut reader, writer) = std::io::pipe().map_err(|_| at_step(Step::Fork)(Errno::MFILE))?;
    match sys::fork().map_err(at_step(Step::Fork))? {
        Fork::Child => {
            drop(reader);
            let failure = payload.become_command();
            let _ = serde_json::to_writer(&writer, &failure);
            sys::exit(127)
        }
        Fork::Parent(pid) => {
            drop(writer);
            // It closes when the program is executed, and has a failure in it if that did not happen.
            let mut failure = Vec::new();
            reader.read_to_end(&mut failure).map_err(|_| at_step(Step::Watch)(Errno::IO))?;
            if failure.is_empty() {
                return Ok(pid);
            }
            Err(serde_json::from_slice(&failure).unwrap_or_else(|_| at_step(Step::Watch)(Errno::IO)))
        }
    }
}

enum Outcome {
    Ended(WaitStatus),
    CallerGone,
}

struct FirstProcess<'a> {
    socket: &'a UnixStream,
    links: Links<'a>,
    events: OwnedFd,
    payload: Pid,
    place: Place,
}

impl FirstProcess<'_> {
    fn watch(mut self) -> Outcome {
        loop {
            let mut events = vec![PollFd::new(&self.events, PollFlags::IN), PollFd::new(self.socket, PollFlags::IN)];
            events.extend(self.links.lifeline.map(|lifeline| PollFd::new(lifeline, PollFlags::IN)));
            let without_entrance = events.len();
            events.extend(self.links.entrance.iter().map(|entrance| PollFd::new(entrance, PollFlags::IN)));
            match poll(&mut events, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return Outcome::CallerGone,
            }
            let happened: Vec<bool> = events.iter().map(|event| !event.revents().is_empty()).collect();
            let visitor = happened.get(without_entrance) == Some(&true);
            let helper = without_entrance > 2 && happened[2];
            let (child, caller) = (happened[0], happened[1]);
            if child && let Some(status) = self.reap() {
                return Outcome::Ended(status);
            }
            if helper || (caller && !self.obey()) {
                return Outcome::CallerGone;
            }
            if visitor {
                self.links.entrance = self.links.entrance.take().filter(doorman::serve);
            }
        }
    }

    /// Reaps every process that has ended; returns the payload's status if it is among them.
    fn reap(&self) -> Option<WaitStatus> {
        // What it says is only that there is something to reap.
        let _ = rustix::io::read(&self.events, &mut [0; 1024]);
        let mut payload = None;
        while let Ok(Some((pid, status))) = process::wait(WaitOptions::NOHANG) {
            if pid == self.payload {
                payload = Some(status);
            }
        }
        payload
    }

    /// Does what the caller says; `false` if it is gone.
    fn obey(&self) -> bool {
        let mut bytes = [0; 64];
        let count = match recv(self.socket, &mut bytes, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return false,
            Ok((_, count)) => count,
            Err(Errno::AGAIN | Errno::INTR) => return true,
            Err(_) => return false,
        };
        for byte in &bytes[..count] {
            match *byte {
                KILL => kill_all(self.place),
                number => {
                    if let Some(signal) = Signal::from_named_raw(number.into()) {
                        // The payload may have ended meanwhile, but is not reaped by anyone else.
                        let _ = process::kill_process(self.payload, signal);
                    }
                }
            }
        }
        true
    }
}

/// Waits for what was killed.
fn reap_all(place: Place) {
    let options = match place {
        Place::Namespaces { .. } => WaitOptions::empty(),
        // They have all ended, but for what this process has no right to kill.
        Place::Machine => WaitOptions::NOHANG,
    };
    while matches!(process::wait(options), Ok(Some(_)) | Err(Errno::INTR)) {}
}

/// Kills everything that the payload has left, and the payload.
fn kill_all(place: Place) {
    match place {
        Place::Namespaces { .. } => {
            // Anywhere else it would mean all processes of the user.
            assert!(process::getpid().is_init(), "the first process of a pid namespace is process 1");
            // Group 1 is -1 for kill(2), which means all that this process may signal.
            let _ = process::kill_process_group(Pid::INIT, Signal::KILL);
        }
        Place::Machine => descendants::kill(),
    }
}
