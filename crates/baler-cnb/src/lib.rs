//! The data formats of the Buildpacks specifications: TOML files, labels, API versions. No I/O.

pub mod analyzed;
pub mod build;
pub mod buildpack;
pub mod group;
pub mod labels;
pub mod launch;
pub mod layer;
pub mod order;
pub mod plan;
pub mod project_metadata;
pub mod report;
pub mod run;
pub mod store;
pub mod value;
