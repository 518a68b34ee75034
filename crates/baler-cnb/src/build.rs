//! build.toml: what a buildpack says of the plan it was given.
//!
//! Buildpack specification, "build.toml (TOML)".

use serde::Deserialize;

/// build.toml.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BuildFile {
    /// `[[unmet]]`: requirements that it left to later buildpacks.
    pub unmet: Vec<Unmet>,
    /// `[[bom]]`: deprecated from Buildpack API 0.7 on.
    pub bom: Vec<toml::Table>,
}

/// A requirement that a buildpack did not meet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Unmet {
    /// The dependency, as its plan names it.
    pub name: String,
}
