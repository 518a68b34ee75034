//! What the commands do: build, builder create, run, images, inspect, doctor.
//!
//! A command takes a [`context::Context`] and a request, and returns a value or a typed error; what it says on the way
//! goes to an [`output::Output`]. Nothing here reads the environment, the home directory or the clock.

pub mod build;
pub mod builder;
pub mod certificates;
pub mod context;
mod destination;
pub mod doctor;
#[doc(hidden)]
pub mod fuzzing;
pub mod images;
pub mod interrupt;
mod log;
pub mod modules;
pub mod output;
pub mod packages;
pub mod places;
pub mod project;
pub mod rebase;
pub mod run;
mod strict_toml;
mod targets;
mod transfers;
mod trial;
mod unpack;
pub mod variables;
pub mod version;
pub mod volumes;

pub use destination::{Delivery, DestinationError, Kept, NotPublished};
pub use targets::TargetsError;
