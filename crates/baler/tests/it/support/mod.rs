//! What the end-to-end tests stand on: the program, users to run it as, and a tiny base image.

mod base;
mod buildpack;
#[path = "../../../../baler-registry/tests/support/certificates.rs"]
mod certificates;
mod dev_registry;
mod docker;
#[path = "../../../../baler-daemon/tests/daemons/engine.rs"]
mod engine;
mod extension;
mod indexed;
mod loading;
mod phase;
mod program;
#[path = "../../../../baler-registry/tests/support/proxy.rs"]
mod proxy;
mod registry;
mod spawn;
mod terminal;
mod user;

pub use base::Base;
pub use buildpack::{application, buildpack, write};
pub use certificates::Authority;
pub use dev_registry::DevRegistry;
pub use docker::Docker;
pub use engine::Running;
pub use extension::{base_image, extension, run_image};
pub use indexed::Indexed;
pub use phase::phase;
pub use program::{Outcome, Place};
pub use proxy::Proxy;
pub use registry::{Registry, Request};
pub use spawn::{outcome, spawn, try_outcome};
pub use terminal::Terminal;
pub use user::{User, users};
