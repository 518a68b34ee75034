//! `baler builder create`: a build image with buildpacks, an order, run images and a lifecycle on top.

pub mod config;
mod create;
mod error;
mod files;
pub mod labels;
pub mod modules;
pub mod order;

pub use create::{CreateRequest, CreatedBuilder, create};
pub use error::CreateError;

/// The text of an order.toml.
pub(crate) fn order_file(groups: &[baler_cnb::order::Group]) -> String {
    files::order(groups, &[])
}
