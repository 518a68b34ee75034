//! Signal masks and dispositions.

use std::os::fd::{FromRawFd as _, OwnedFd};

use rustix::io::Errno;

use super::checked;

/// Blocks every signal that can be blocked, so that a terminal's keys neither end nor stop this process.
pub(crate) fn block_all() -> Result<(), Errno> {
    // SAFETY: the set is initialised by `sigfillset` before it is used; the old mask is not asked for.
    let result = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut())
    };
    checked(result.into()).map(drop)
}

/// A descriptor that can be read when a child of this process has ended. The signal must be blocked.
pub(crate) fn child_events() -> Result<OwnedFd, Errno> {
    // SAFETY: the set is initialised by `sigemptyset` before it is used.
    let result = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    checked(result.into())?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

/// Gives every signal its default effect and blocks none: what a program expects to start with.
pub(crate) fn reset_all() -> Result<(), Errno> {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the default disposition runs no code of ours. It fails for signals that cannot be handled, and for
        // those that the C library keeps for itself; those are as they must be.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: the set is initialised by `sigemptyset` before it is used.
    let result = unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut())
    };
    checked(result.into()).map(drop)
}
