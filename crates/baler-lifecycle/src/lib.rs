//! The phases of the lifecycle as functions: analyze, detect, restore, build, export.
//!
//! A phase takes values and directories, never names that it would have to resolve. It reads no environment and no
//! clock, and says what happens through a [`log::Log`].

pub mod analyze;
pub mod build;
pub mod cache;
pub mod detect;
pub mod error_text;
pub mod export;
pub mod extract;
mod files;
pub mod generate;
pub mod interrupt;
pub mod interruptible;
pub mod launcher_binary;
mod layers_directory;
pub mod log;
pub mod module_process;
pub mod module_store;
pub mod mounted;
mod parallel;
pub mod platform_env;
pub mod program;
pub mod progress;
pub mod rebase;
pub mod release_sboms;
pub mod restore;
pub mod target;
pub mod toml_file;
pub mod version;

pub use files::{FileError, read_inside, write_file};
pub use layers_directory::{LayerId, LayersDirectoryError};
