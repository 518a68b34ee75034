//! Unpacking as root of a user namespace, in a process of its own.

use std::ffi::OsString;
use std::fs::File;

use baler_sandbox::Operation;

/// Unpacks the layer that it is given as input; to be among the operations that the program passes to
/// [`baler_sandbox::dispatch`].
pub const UNPACK_OPERATION: Operation = Operation { name: "unpack-layer", run };

fn run(input: File, arguments: &[OsString]) -> Result<(), String> {
    todo!("{input:?} {arguments:?}")
}
