//! Making, replacing and ending processes.

use std::ffi::{CStr, c_char};
use std::os::fd::{FromRawFd as _, OwnedFd};

use rustix::io::Errno;
use rustix::process::Pid;

use super::{checked, last_error};

/// On which side of a fork this is.
pub(crate) enum Fork {
    /// In the new process.
    Child,
    /// In the old one.
    Parent(Pid),
}

/// Makes a process in new user, mount, pid, ipc and uts namespaces, and in a new network namespace if `network`;
/// or, if not `full`, in a new user namespace alone. The parent also gets a descriptor of the process.
pub(crate) fn clone_into_namespaces(full: bool, network: bool) -> Result<(Fork, Option<OwnedFd>), Errno> {
    let mut flags = libc::CLONE_NEWUSER;
    if full {
        flags |= libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    }
    if network {
        flags |= libc::CLONE_NEWNET;
    }
    let flags = (flags | libc::CLONE_PIDFD).unsigned_abs();
    let mut descriptor: libc::c_int = -1;
    // SAFETY: an all-zero `clone_args` is valid and means the defaults.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = u64::from(flags);
    arguments.pidfd = (&raw mut descriptor).addr() as u64;
    arguments.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
    // SAFETY: the arguments live until the call returns; without CLONE_VM the child has a copy of this process, which
    // has one thread, so that no lock can be held by a thread that the child does not have.
    let mut result =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, std::mem::size_of::<libc::clone_args>()) };
    if result == -1 && last_error() == Errno::NOSYS {
        // Seccomp filters of containers answer so, to make programs use the older call.
        // SAFETY: as above. A stack of null is the copy of the caller's; the descriptor is stored where the parent's
        // thread id would be.
        result = unsafe {
            libc::syscall(
                libc::SYS_clone,
                libc::c_ulong::from(flags | libc::SIGCHLD.unsigned_abs()),
                std::ptr::null_mut::<libc::c_void>(),
                &raw mut descriptor,
                std::ptr::null_mut::<libc::c_void>(),
                std::ptr::null_mut::<libc::c_void>(),
            )
        };
    }
    let fork = side(checked(result)?);
    let descriptor = match fork {
        Fork::Child => None,
        // SAFETY: the kernel has just made this descriptor for us.
        Fork::Parent(_) => Some(unsafe { OwnedFd::from_raw_fd(descriptor) }),
    };
    Ok((fork, descriptor))
}

/// Copies this process.
pub(crate) fn fork() -> Result<Fork, Errno> {
    // SAFETY: this process has one thread, so the copy finds no lock held.
    Ok(side(checked(unsafe { libc::fork() }.into())?))
}

fn side(result: libc::c_long) -> Fork {
    match i32::try_from(result).ok().and_then(Pid::from_raw) {
        Some(pid) => Fork::Parent(pid),
        None => Fork::Child,
    }
}

/// Ends this process without running anything of the copy that it was made from: no destructor, no exit handler.
pub(crate) fn exit(code: u8) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code.into()) }
}

/// Replaces this process by a program; returns only if that fails.
pub(crate) fn execute<A: AsRef<CStr>>(program: &CStr, arguments: &[A], environment: &[A]) -> Errno {
    let pointers = |texts: &[A]| -> Vec<*const c_char> {
        texts.iter().map(|text| text.as_ref().as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: both lists end with null, and their texts and the program's name outlive the call.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    last_error()
}
