//! The launcher: the entry point of every app image (Platform interface specification, "launcher"; Buildpack interface
//! specification, "Phase #4: Launch").
//!
//! It reads `<layers>/config/metadata.toml`, decides which process to start and how, puts the environment of the
//! layers together, and replaces itself with the process. The decisions are pure ([`selection`], [`environment`],
//! [`direct`], [`shell`]); what touches the system is thin ([`layers`], [`exec_d`], [`Start::exec`]).
//!
//! Every byte of it is in every app image: no async runtime, no C, as few crates as it takes.

pub mod direct;
pub mod environment;
pub mod exec_d;
pub mod failure;
pub mod inputs;
pub mod layers;
pub mod selection;
pub mod shell;
mod start;

pub use start::Start;
