//! A registry (OCI distribution specification 1.1) in this process: for tests, and as `baler dev registry` for authors of
//! buildpacks.
//!
//! Begin at [`TestRegistry`]: it starts on a thread of its own, is used without async, and ends when it is dropped. What
//! goes wrong on the way is a [`Rule`]; what was asked is in its [log](TestRegistry::log). Content is kept in memory, or in
//! a directory that later starts find again. It is no registry for production: it trusts its directory, and deletes
//! nothing that nobody names.

mod body;
mod content;
pub mod faults;
mod fixtures;
mod log;
mod login;
mod options;
mod pattern;
mod protocol;
mod registry;
mod route;
mod rules;
mod server;
mod service;
mod storage;
mod subject;

pub use fixtures::{Image, index, noise};
pub use log::{Authorization, Request};
pub use options::{Auth, Options, Storage, Tls, TokenServer, User};
pub use registry::{StartError, TestRegistry};
pub use rules::{Fault, Rule};
pub use service::Tell;
pub use subject::Part;
