//! Operations of the program, run as root of a user namespace.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::fs::{Mode, OFlags};

use super::kernel::{self, Namespaces, Side};
use super::{at_path, report};
use crate::wire::{Failure, OperationRequest, Report};
use crate::{IdMapMode, Operation, Step, operation, sys};

/// Runs the operation in a process of its own, and waits for it.
pub(super) fn run(
    socket: &UnixStream,
    request: OperationRequest,
    input: Vec<OwnedFd>,
    operations: &[Operation],
) -> Result<(), Failure> {
    let mut known = operations.iter().chain(operation::BUILT_IN);
    let operation = *known.find(|operation| operation.name == request.name).ok_or(Failure::UnknownOperation)?;
    let directory = request.directory.as_path();
    rustix::process::chdir(directory).map_err(at_path(Step::OpenDirectory, directory))?;
    let alone = request.id_map.mode() == IdMapMode::Single;
    let namespaces = if alone { Namespaces::None } else { Namespaces::User };
    match kernel::clone(namespaces)? {
        Side::Helper(mut inner) => {
            let ids = if alone { Ok(()) } else { inner.give_ids(&request.id_map) };
            if let Err(failure) = ids.and_then(|()| inner.release()) {
                inner.kill();
                return Err(failure);
            }
            inner.wait(socket);
            Ok(())
        }
        Side::Inside(lifeline) => {
            if kernel::wait_for_ids(&lifeline).is_some() {
                let outcome = if alone { Ok(()) } else { kernel::take_ids(&request.id_map) };
                let outcome = outcome.and_then(|()| perform(operation, request, input));
                report(socket, &outcome.map_or_else(Report::Failed, |()| Report::Done));
            }
            sys::exit(0)
        }
    }
}

fn perform(operation: Operation, request: OperationRequest, input: Vec<OwnedFd>) -> Result<(), Failure> {
    let input = match input.into_iter().next() {
        Some(input) => input,
        None => rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(at_path(Step::ConnectStreams, "/dev/null".as_ref()))?,
    };
    let arguments: Vec<OsString> = request.arguments.into_iter().map(crate::wire::Text::into_os_string).collect();
    (operation.run)(File::from(input), &arguments).map_err(|message| Failure::Operation { message })
}
