//! Signal masks and dispositions.

use std::os::fd::{FromRawFd as _, OwnedFd};

use rustix::io::Errno;

use super::checked;

const LAST_SIGNAL: libc::c_int = 64;

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
    // The kernel's `struct sigaction`: default handler, no flags, empty mask. The C library's own call refuses two
    // signals that it keeps for itself, but a caller may have passed them down ignored.
    const DEFAULT: [u64; 4] = [0; 4];
    const SET_SIZE: usize = 8;
    for signal in 1..=LAST_SIGNAL {
        // SAFETY: the structure is constant and as large as the kernel's, and the default disposition runs no code of
        // ours. It fails for signals that cannot be handled, which are as they must be.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, DEFAULT.as_ptr(), std::ptr::null_mut::<u64>(), SET_SIZE)
        };
    }
    // SAFETY: the set is initialised by `sigemptyset` before it is used.
    let result = unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut())
    };
    checked(result.into()).map(drop)
}
