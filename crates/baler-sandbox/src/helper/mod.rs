//! The helper: what the program does when it was started again to make namespaces.
//!
//! Three processes, each with one thread: the *helper* makes the namespaces, writes the id map and waits; the *first
//! process* inside (`inside`, `first_process`) mounts everything, reaps and passes signals on; the *payload* is the
//! command. The caller's end of the socket holds them all: when it closes, the first process ends, and the kernel
//! kills what is left in its pid namespace.

mod devices;
mod doorman;
mod filter;
mod first_process;
mod hidden;
mod in_place;
mod inside;
mod kernel;
mod mount_point;
mod operation;
mod overlay;
mod payload;
mod remount;
mod sandbox;
mod sources;
mod way_out;

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::wire::{self, Failure, Report, Request};
use crate::{Operation, Step, sys};

/// Serves the one request that comes over standard input. The answer is a report; the exit code says nothing.
pub(crate) fn serve(operations: &[Operation]) -> ExitCode {
    let Ok(socket) = sys::close_inherited().and_then(|()| take_standard_input()) else { return ExitCode::FAILURE };
    if sys::block_all().is_err() {
        return ExitCode::FAILURE;
    }
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    let outcome = match wire::receive_request(&socket) {
        Ok((streams, Request::Sandbox(request))) => sandbox::run(&socket, &request, streams),
        Ok((streams, Request::InPlace(request))) => in_place::run(&socket, &request, streams),
        Ok((input, Request::Operation(request))) => operation::run(&socket, request, input, operations),
        Err(_) => return ExitCode::FAILURE,
    };
    if let Err(failure) = outcome {
        report(&socket, &Report::Failed(failure));
    }
    ExitCode::SUCCESS
}

/// The caller may be gone; then there is nobody to tell.
fn report(socket: &UnixStream, report: &Report) {
    let _ = wire::send_message(socket, report);
}

/// Moves the socket away from standard input, which nothing may read by accident.
fn take_standard_input() -> Result<UnixStream, Errno> {
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(UnixStream::from(socket))
}

/// Turns the kernel's answer into a failure of `step`.
fn at_step(step: Step) -> impl Fn(Errno) -> Failure {
    move |errno| Failure::Setup { step, path: None, errno: errno.raw_os_error() }
}

/// Turns the kernel's answer into a failure of `step` on `path`.
fn at_path(step: Step, path: &Path) -> impl Fn(Errno) -> Failure {
    move |errno| Failure::Setup { step, path: Some(path.into()), errno: errno.raw_os_error() }
}
