//! What the fuzz targets and the test over their corpus both call. No part of the interface of this crate.
//!
//! Each function takes bytes from anywhere and panics where something is wrong; that bytes are refused is right.

pub use crate::build::workspace::fuzzing::unpack_zip;
pub use crate::modules::fuzzing::{read_module_archive, read_package};
