//! The phases of the lifecycle as functions: analyze, detect, restore, build, export.
//!
//! A phase takes values and directories, never names that it would have to resolve. It reads no environment and no
//! clock, and says what happens through a [`log::Log`].

pub mod analyze;
pub mod cache;
pub mod export;
pub mod launcher_binary;
pub mod log;
pub mod mounted;
pub mod restore;
