//! store.toml: what a buildpack keeps from build to build, whatever else is dropped.
//!
//! Buildpack specification, "store.toml (TOML)".

use serde::{Deserialize, Serialize};

/// store.toml, also `store` of a buildpack in the label `io.buildpacks.lifecycle.metadata`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreFile {
    /// `[metadata]`: the buildpack's own.
    pub metadata: toml::Table,
}
