//! A command among the other processes of this machine or container: what needs no namespace is done all the same.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::process::{geteuid, getpid, set_child_subreaper};
use rustix::thread::{Gid, Uid};

use super::first_process::Links;
use super::payload::Place;
use super::sandbox::give_pipes;
use super::{at_step, first_process};
use crate::Step;
use crate::wire::{CommandRequest, Failure};

/// Runs the command, and waits until nothing of it is left.
pub(super) fn run(socket: &UnixStream, request: &CommandRequest, streams: Vec<OwnedFd>) -> Result<(), Failure> {
    // What loses its parent becomes a child of this process, which can then find and end it.
    set_child_subreaper(Some(getpid())).map_err(at_step(Step::Watch))?;
    if geteuid().is_root() {
        give_pipes(&streams, Some(Uid::from_raw(request.user.0)), Some(Gid::from_raw(request.user.1)));
    }
    first_process::run(socket, request, Place::Machine, streams, Links { lifeline: None, entrance: None }).map(drop)
}
