//! Making a process in new namespaces and giving it its ids.

use std::fmt::Write as _;
use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use fs_err as fs;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{self, Pid, PidfdFlags, Signal, WaitOptions};
use rustix::thread;

use super::{at_path, at_step};
use crate::id_map::{Extent, MappingCommand};
use crate::sys::{self, Fork};
use crate::wire::Failure;
use crate::{IdMap, IdMapMode, Step};

/// Which namespaces a process gets.
#[derive(Clone, Copy)]
pub(super) enum Namespaces {
    /// None: a plain copy of the helper.
    None,
    /// A user namespace.
    User,
    /// User, mount, pid, ipc and uts namespaces, and a network namespace if `network`.
    All { network: bool },
}

/// The helper's side of a process in namespaces.
pub(super) struct Inner {
    pid: Pid,
    descriptor: OwnedFd,
    /// Closes with the helper, which ends the other side.
    lifeline: PipeWriter,
}

/// Whether the caller is still connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallerIs {
    There,
    Gone,
}

/// On which side of the clone this is.
pub(super) enum Side {
    /// In the helper.
    Helper(Inner),
    /// In the new process, which has its id map once [`wait_for_ids`] has returned.
    Inside(PipeReader),
}

/// Copies the helper into new namespaces.
pub(super) fn clone(namespaces: Namespaces) -> Result<Side, Failure> {
    let refused = |errno: Errno| Failure::Namespaces { errno: errno.raw_os_error() };
    let (reader, writer) = std::io::pipe().map_err(|_| refused(Errno::MFILE))?;
    let (fork, descriptor) = match namespaces {
        Namespaces::None => (sys::fork().map_err(at_step(Step::Fork))?, None),
        Namespaces::User => sys::clone_into_namespaces(false, false).map_err(refused)?,
        Namespaces::All { network } => sys::clone_into_namespaces(true, network).map_err(refused)?,
    };
    match fork {
        Fork::Child => {
            drop(writer);
            Ok(Side::Inside(reader))
        }
        Fork::Parent(pid) => {
            drop(reader);
            let descriptor = match descriptor {
                Some(descriptor) => descriptor,
                None => process::pidfd_open(pid, PidfdFlags::empty()).map_err(at_step(Step::Watch))?,
            };
            Ok(Side::Helper(Inner { pid, descriptor, lifeline: writer }))
        }
    }
}

impl Inner {
    /// Writes the id map.
    pub(super) fn give_ids(&self, id_map: &IdMap) -> Result<(), Failure> {
        write_id_map(self.pid, id_map)
    }

    /// Lets the process go on.
    pub(super) fn release(&mut self) -> Result<(), Failure> {
        std::io::Write::write_all(&mut self.lifeline, &[1]).map_err(|_| at_step(Step::WriteIdMap)(Errno::PIPE))
    }

    /// Its number outside.
    pub(super) fn process(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits for the end of the process; kills it if the caller goes.
    pub(super) fn wait(self, socket: &UnixStream) -> CallerIs {
        let caller = self.watch(socket);
        if matches!(caller, CallerIs::Gone) {
            let _ = process::pidfd_send_signal(&self.descriptor, Signal::KILL);
        }
        let _ = process::waitpid(Some(self.pid), WaitOptions::empty());
        caller
    }

    /// Waits until the process has ended or the caller has gone.
    fn watch(&self, socket: &UnixStream) -> CallerIs {
        loop {
            // Of the socket only the end is watched: what comes over it is for the process inside.
            let mut events = [PollFd::new(&self.descriptor, PollFlags::IN), PollFd::new(socket, PollFlags::RDHUP)];
            match poll(&mut events, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return CallerIs::Gone,
            }
            let [process, caller] = events.map(|event| !event.revents().is_empty());
            if caller {
                return CallerIs::Gone;
            }
            if process {
                return CallerIs::There;
            }
        }
    }

    /// Ends the process at once.
    pub(super) fn kill(self) {
        let _ = process::pidfd_send_signal(&self.descriptor, Signal::KILL);
        let _ = process::waitpid(Some(self.pid), WaitOptions::empty());
    }
}

/// Waits until the helper has written the id map; `None` if it died instead.
pub(super) fn wait_for_ids(lifeline: &PipeReader) -> Option<()> {
    die_with_parent();
    let mut byte = [0];
    (rustix::io::retry_on_intr(|| rustix::io::read(lifeline.as_fd(), &mut byte)) == Ok(1)).then_some(())
}

/// Becomes root of the user namespace if it has one, else its only user; keeps all capabilities over it.
pub(super) fn take_ids(id_map: &IdMap) -> Result<(), Failure> {
    let (user, group) = id_map.setup_ids();
    let (user, group) = (thread::Uid::from_raw(user), thread::Gid::from_raw(group));
    let take = || {
        if id_map.mode() != IdMapMode::Single {
            thread::set_thread_groups(&[])?;
        }
        thread::set_thread_res_gid(group, group, group)?;
        thread::set_thread_res_uid(user, user, user)
    };
    take().map_err(at_step(Step::TakeIds))?;
    // Changing ids has cleared it.
    die_with_parent();
    Ok(())
}

fn die_with_parent() {
    let _ = process::set_parent_process_death_signal(Some(Signal::KILL));
}

fn write_id_map(pid: Pid, id_map: &IdMap) -> Result<(), Failure> {
    if let Some(mappers) = id_map.mappers() {
        let process = pid.as_raw_nonzero().get().unsigned_abs();
        let users = MappingCommand { program: &mappers.newuidmap, process, extents: id_map.users() };
        let groups = MappingCommand { program: &mappers.newgidmap, process, extents: id_map.groups() };
        // Both at once: each takes a millisecond.
        let (users, groups) = (Mapping::start(&users)?, Mapping::start(&groups)?);
        return users.finish().and(groups.finish());
    }
    let directory = format!("/proc/{}", pid.as_raw_nonzero());
    let write = |name: &str, text: &str| {
        let path = format!("{directory}/{name}");
        fs::write(&path, text).map_err(|error| {
            at_path(Step::WriteIdMap, path.as_ref())(Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })
    };
    if id_map.mode() == IdMapMode::Single {
        // Without this an ordinary user may not map a group.
        write("setgroups", "deny")?;
    }
    write("uid_map", &lines(id_map.users()))?;
    write("gid_map", &lines(id_map.groups()))
}

fn lines(extents: &[Extent]) -> String {
    extents.iter().fold(String::new(), |mut text, extent| {
        writeln!(text, "{} {} {}", extent.inside, extent.host, extent.length).expect("writing to a String cannot fail");
        text
    })
}

/// A running `newuidmap` or `newgidmap`.
struct Mapping<'a> {
    command: &'a MappingCommand<'a>,
    child: Child,
}

impl<'a> Mapping<'a> {
    fn start(command: &'a MappingCommand<'a>) -> Result<Self, Failure> {
        let child = Command::new(command.program)
            .args(command.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        match child {
            Ok(child) => Ok(Self { command, child }),
            Err(error) => Err(refused(command, error.to_string())),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self.child.wait_with_output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(refused(self.command, String::from_utf8_lossy(&output.stderr).trim().to_owned())),
            Err(error) => Err(refused(self.command, error.to_string())),
        }
    }
}

fn refused(command: &MappingCommand<'_>, message: String) -> Failure {
    Failure::MapSubIds { program: command.program.to_owned(), message }
}
