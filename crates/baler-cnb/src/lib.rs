//! The data formats of the Buildpacks specifications: TOML files, labels, API versions. No I/O.

pub mod api;
pub mod environment;
pub mod features;
pub mod metadata;
pub mod process;
