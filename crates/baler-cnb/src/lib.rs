//! The data formats of the Buildpacks specifications: TOML files, labels, API versions. No I/O.

#[cfg(feature = "labels")]
pub mod analyzed;
pub mod api;
pub mod build;
pub mod buildpack;
pub mod environment;
mod exec_env;
pub mod extend_config;
pub mod features;
pub mod group;
#[cfg(feature = "labels")]
pub mod labels;
pub mod launch;
pub mod layer;
#[cfg(feature = "labels")]
pub mod lifecycle;
pub mod metadata;
pub mod order;
pub mod plan;
pub mod process;
pub mod project_metadata;
pub mod report;
pub mod run;
pub mod store;
pub mod value;
pub mod version;
