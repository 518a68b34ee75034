//! `baler buildpack package` and `baler extension package`: a module, and what it depends on, as an image or a `.cnb` file.

mod create;
mod error;
mod file;

pub use create::{PackageFormat, PackageRequest, PackageSource, Packaged, package};
pub use error::PackageCreateError;
