//! `baler builder create`: a build image with buildpacks, an order, run images and a lifecycle on top.

mod check;
pub mod config;
mod create;
mod draft;
mod error;
mod files;
mod flatten;
pub mod labels;
mod lifecycle;
pub mod order;
mod release;

pub use check::CheckError;
pub use create::{CreateRequest, CreatedBuilder, create};
pub use error::{CreateError, ModuleSourceError};
pub use flatten::{Flattened, InvalidFlattened};
pub use lifecycle::LifecycleError;
pub use release::InvalidVersion;

/// The text of an order.toml.
pub(crate) fn order_file(groups: &[baler_cnb::order::Group], extensions: &[baler_cnb::order::Group]) -> String {
    files::order(groups, extensions)
}
