//! The command's own process: gives up every privilege, takes its streams and its user, and executes the program,
//! under the filter of system calls.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, ResolveFlags, accessat, openat2};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{
    Resource, Rlimit, Signal, chdir, geteuid, getrlimit, set_parent_process_death_signal, setrlimit, setsid,
};
use rustix::thread::{self, CapabilitySet, CapabilitySets, Gid, Uid};

use super::filter::Filter;
use super::{at_path, at_step};
use crate::wire::{CommandRequest, Failure, Text};
use crate::{ExecFailure, Step, sys};

/// Where a program is looked for when the environment has no `PATH`.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where the command's process runs: that decides on its ids, and on how all that it leaves is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In namespaces of its own.
    Namespaces {
        /// Whether the kernel lets supplementary groups be dropped there.
        without_groups: bool,
    },
    /// Among the other processes of this machine or container.
    Machine,
}

/// A command that is ready to be executed.
pub(super) struct Payload<'a> {
    request: &'a CommandRequest,
    place: Place,
    streams: [&'a OwnedFd; 3],
    further: Option<&'a OwnedFd>,
    /// Where its program may be, in the order of the search.
    programs: Vec<CString>,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    filter: Filter,
}

impl<'a> Payload<'a> {
    pub(super) fn new(request: &'a CommandRequest, place: Place, streams: &'a [OwnedFd]) -> Result<Self, Failure> {
        let [stdin, stdout, stderr, further @ ..] = streams else {
            return Err(at_step(Step::ConnectStreams)(Errno::INVAL));
        };
        let further = further.first();
        let mut environment = c_strings(&request.environment)?;
        if let (Some(variable), Some(descriptor)) = (&request.further_variable, further) {
            let entry = format!("{variable}={}", descriptor.as_raw_fd());
            environment.push(c_string(entry.into())?);
        }
        let program = request.argv.first().ok_or(failed(ExecFailure::NotFound, Errno::NOENT))?;
        let programs = candidates(program.as_os_str(), search_path(&request.environment));
        Ok(Self {
            request,
            place,
            streams: [stdin, stdout, stderr],
            further,
            programs: programs.into_iter().map(c_string).collect::<Result<_, _>>()?,
            arguments: c_strings(&request.argv)?,
            environment,
            filter: Filter::new().map_err(at_step(Step::FilterCalls))?,
        })
    }

    /// Turns this process into the command; returns only if that fails.
    pub(super) fn become_command(&self) -> Failure {
        match self.prepare() {
            Ok(()) => self.execute(),
            Err(failure) => failure,
        }
    }

    fn prepare(&self) -> Result<(), Failure> {
        self.connect_streams().map_err(at_step(Step::ConnectStreams))?;
        no_core_files().map_err(at_step(Step::DropPrivileges))?;
        thread::set_no_new_privs(true).map_err(at_step(Step::DropPrivileges))?;
        self.empty_bounding_set().map_err(at_step(Step::DropPrivileges))?;
        self.take_user().map_err(at_step(Step::TakeUser))?;
        if self.place == Place::Machine {
            // After the user was changed, which clears it. Should the helper be killed, the command goes too.
            set_parent_process_death_signal(Some(Signal::KILL)).map_err(at_step(Step::DropPrivileges))?;
        }
        drop_capabilities().map_err(at_step(Step::DropPrivileges))?;
        sys::scope_to_domain();
        sys::close_all_on_exec().map_err(at_step(Step::DropPrivileges))?;
        if let Some(further) = self.further {
            fcntl_setfd(further, FdFlags::empty()).map_err(at_step(Step::ConnectStreams))?;
        }
        let directory = self.request.working_directory.as_path();
        chdir(directory).map_err(at_path(Step::EnterWorkingDirectory, directory))?;
        sys::reset_all().map_err(at_step(Step::DropPrivileges))?;
        // Last: what comes after it is allowed.
        self.filter.install().map_err(at_step(Step::FilterCalls))
    }

    fn connect_streams(&self) -> Result<(), Errno> {
        if self.request.new_session {
            setsid()?;
        }
        let [stdin, stdout, stderr] = self.streams;
        rustix::stdio::dup2_stdin(stdin)?;
        rustix::stdio::dup2_stdout(stdout)?;
        rustix::stdio::dup2_stderr(stderr)
    }

    /// No program that is executed from here on can get a capability.
    fn empty_bounding_set(&self) -> Result<(), Errno> {
        for number in 0..64 {
            match thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
                Ok(()) => {}
                // The last one that the kernel has is behind us.
                Err(Errno::INVAL) => break,
                // Without namespaces an ordinary user may not; there `no_new_privs` alone has to do.
                Err(Errno::PERM) if self.place == Place::Machine => break,
                Err(error) => return Err(error),
            }
        }
        thread::clear_ambient_capability_set()
    }

    fn take_user(&self) -> Result<(), Errno> {
        let without_groups = match self.place {
            Place::Namespaces { without_groups } => without_groups,
            Place::Machine if geteuid().is_root() => true,
            // Whoever started us is the user.
            Place::Machine => return Ok(()),
        };
        if without_groups {
            thread::set_thread_groups(&[])?;
        }
        let (user, group) = (Uid::from_raw(self.request.user.0), Gid::from_raw(self.request.user.1));
        thread::set_thread_res_gid(group, group, group)?;
        thread::set_thread_res_uid(user, user, user)
    }

    /// Tries each place where the program may be, as `execvp(3)` does, but says which kind of failure it was.
    fn execute(&self) -> Failure {
        let mut failure = failed(ExecFailure::NotFound, Errno::NOENT);
        for program in &self.programs {
            // A link such as /proc/self/exe would lead to a program of the host.
            let resolve = ResolveFlags::NO_MAGICLINKS;
            if let Err(Errno::LOOP) = openat2(CWD, program, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve) {
                return failed(ExecFailure::NotExecutable, Errno::LOOP);
            }
            let errno = sys::execute(program, &self.arguments, &self.environment);
            match errno {
                Errno::NOENT | Errno::NOTDIR => {
                    if accessat(CWD, program, Access::EXISTS, AtFlags::empty()).is_ok() {
                        return failed(ExecFailure::InterpreterMissing, errno);
                    }
                }
                Errno::ACCESS => failure = failed(ExecFailure::NotExecutable, errno),
                Errno::NOEXEC => return failed(ExecFailure::WrongFormat, errno),
                Errno::TOOBIG => return failed(ExecFailure::TooLong, errno),
                _ => return failed(ExecFailure::Other, errno),
            }
        }
        failure
    }
}

/// What a program that crashes had in its memory must not end up in a layer. A program may ask for it all the same: the
/// hard limit is the caller's, as all other limits are.
fn no_core_files() -> Result<(), Errno> {
    let limit = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: Some(0), ..limit })
}

/// Changing the user has done it already, except where the user was this one all along.
fn drop_capabilities() -> Result<(), Errno> {
    let none = CapabilitySet::empty();
    thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

fn search_path(environment: &[Text]) -> &[u8] {
    let mut values = environment.iter().filter_map(|entry| entry.as_os_str().as_bytes().strip_prefix(b"PATH="));
    values.next().unwrap_or(DEFAULT_PATH)
}

fn candidates(program: &OsStr, search_path: &[u8]) -> Vec<std::path::PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return vec![program.into()];
    }
    if program.is_empty() {
        return Vec::new();
    }
    let directories = search_path.split(|byte| *byte == b':');
    // An empty entry is the working directory.
    let directory = |bytes: &[u8]| {
        Path::new(if bytes.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(bytes) }).join(program)
    };
    directories.map(directory).collect()
}

fn c_strings(texts: &[Text]) -> Result<Vec<CString>, Failure> {
    texts.iter().map(|text| c_string(text.as_path().to_owned())).collect()
}

fn c_string(text: std::path::PathBuf) -> Result<CString, Failure> {
    CString::new(std::os::unix::ffi::OsStringExt::into_vec(text.into_os_string()))
        .map_err(|_| failed(ExecFailure::Other, Errno::INVAL))
}

fn failed(failure: ExecFailure, errno: Errno) -> Failure {
    Failure::Execute { failure, errno: errno.raw_os_error() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_in_the_given_path() {
        let found = |program, path: &[u8]| -> Vec<String> {
            candidates(OsStr::new(program), path).iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(found("sh", b"/a:/b"), ["/a/sh", "/b/sh"]);
        assert_eq!(found("sh", b"/a::"), ["/a/sh", "./sh", "./sh"]);
        assert_eq!(found("./sh", b"/a"), ["./sh"]);
        assert!(found("", b"/a").is_empty());
        assert_eq!(search_path(&["A=1".into(), "PATH=/x".into()] as &[Text; 2]), b"/x");
        assert_eq!(search_path(&[]), DEFAULT_PATH);
    }
}
