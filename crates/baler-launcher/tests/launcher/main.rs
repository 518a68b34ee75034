//! The launcher as an engine starts it: over layers and an app directory on disk, with the real shell.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed set-up is a failed test; what is skipped is said"
)]

mod corpus;
mod environment;
mod exec_d;
mod failures;
mod image;
mod processes;
mod shell;
mod start_up;
