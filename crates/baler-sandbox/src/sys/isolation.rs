//! Small walls that no namespace gives: descriptors, keyrings, abstract sockets; and the loopback interface.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::checked;

/// Marks every descriptor above standard error so that no program executed from here on gets it.
pub(crate) fn close_all_on_exec() -> Result<(), Errno> {
    // SAFETY: only a flag of descriptors changes, none is closed here.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    checked(result).map(drop)
}

/// Closes every descriptor above standard error: what the caller failed to mark. To be called first of all, when the
/// program has not opened any.
pub(crate) fn close_inherited() -> Result<(), Errno> {
    // SAFETY: no descriptor has an owner yet in a program that has only just started.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) };
    checked(result).map(drop)
}

/// Leaves the caller's session keyring for an empty one. Kernels without keyrings have nothing to hide.
pub(crate) fn leave_session_keyring() {
    const JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: a name of null asks for an anonymous keyring; no memory is passed.
    unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>()) };
}

/// Shuts out abstract Unix sockets of processes that are not descendants of this one, where the kernel can
/// (Landlock ABI 6, Linux 6.12): they belong to the network namespace, which may be the host's.
pub(crate) fn scope_to_domain() {
    /// `struct landlock_ruleset_attr`.
    #[repr(C)]
    struct Ruleset {
        handled_access_fs: u64,
        handled_access_net: u64,
        scoped: u64,
    }
    const ABSTRACT_UNIX_SOCKET: u64 = 1;
    let ruleset = Ruleset { handled_access_fs: 0, handled_access_net: 0, scoped: ABSTRACT_UNIX_SOCKET };
    // SAFETY: the structure lives until the call returns, and its size is given; older kernels refuse a size that
    // they do not know when it holds anything.
    let result = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, &raw const ruleset, std::mem::size_of::<Ruleset>(), 0u32)
    };
    let Some(descriptor) = i32::try_from(result).ok().filter(|descriptor| *descriptor >= 0) else { return };
    // SAFETY: the kernel has just made this descriptor for us.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // SAFETY: only numbers are passed.
    unsafe { libc::syscall(libc::SYS_landlock_restrict_self, descriptor.as_raw_fd(), 0u32) };
}

/// `IFF_UP`, in the type of the structure that it stands in.
const INTERFACE_IS_UP: libc::c_short = 1;

/// Brings up `lo` in a network namespace that has nothing else.
pub(crate) fn bring_up_loopback() -> Result<(), Errno> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: an all-zero `ifreq` is valid; its name is then set to a terminated text.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes_with_nul()) {
        *to = from.cast_signed() as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = INTERFACE_IS_UP;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`, which lives until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    checked(result.into()).map(drop)
}
