//! The system calls that `rustix` has no safe form for. The only unsafe code of the workspace.
//!
//! All of it is called in processes with one thread, except what says otherwise.

#![expect(unsafe_code, reason = "raw system calls; each block says why it is sound")]

mod isolation;
mod mount;
mod process;
mod signal;

use std::os::fd::{AsFd, AsRawFd as _};

use rustix::io::Errno;

pub(crate) use isolation::{
    bring_up_loopback, close_all_on_exec, close_inherited, leave_session_keyring, scope_to_domain,
};
pub(crate) use mount::{MountAttributes, set_mount_attributes};
pub(crate) use process::{Fork, clone_into_namespaces, execute, exit, fork};
pub(crate) use signal::{block_all, child_events, reset_all};

/// The path under which this process reaches what `descriptor` stands for.
pub(crate) fn descriptor_path(descriptor: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", descriptor.as_fd().as_raw_fd())
}

/// The error of a system call of the C library, if `result` is -1.
fn checked(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result == -1 { Err(last_error()) } else { Ok(result) }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
