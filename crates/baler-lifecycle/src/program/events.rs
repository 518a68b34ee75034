//! Where a phase program sends its events: a descriptor that the platform gave it.

use std::os::fd::RawFd;

use baler_cnb::environment::Environment;
use rustix::fs::FileType;

use crate::progress::{DESCRIPTOR_VARIABLE, EventWriter};

/// The pipe that the environment names, if it is one. It is opened anew, so that no number of somebody else's choosing
/// is taken over; modules do not get it.
pub(super) fn writer(environment: &Environment) -> Option<EventWriter> {
    let number: RawFd = environment.get(DESCRIPTOR_VARIABLE)?.to_str()?.parse().ok()?;
    let file = fs_err::File::options().write(true).open(format!("/proc/self/fd/{number}")).ok()?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file).ok()?.st_mode);
    baler_sandbox::close_descriptors_on_exec().ok()?;
    (kind == FileType::Fifo).then(|| EventWriter(file.into_parts().0))
}
