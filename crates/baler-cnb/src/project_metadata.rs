//! project-metadata.toml: where the source came from.
//!
//! Platform specification, "project-metadata.toml (TOML)". The same value, as JSON, is the label
//! `io.buildpacks.project.metadata`.

use serde::{Deserialize, Serialize};

/// project-metadata.toml.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectMetadata {
    /// `[source]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ProjectSource>,
}

/// The table `[source]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectSource {
    /// What kind of source, such as `git`.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// `[source.version]`: which state of it.
    #[serde(skip_serializing_if = "toml::Table::is_empty", serialize_with = "crate::value::serialize_table")]
    pub version: toml::Table,
    /// `[source.metadata]`: what else is known.
    #[serde(skip_serializing_if = "toml::Table::is_empty", serialize_with = "crate::value::serialize_table")]
    pub metadata: toml::Table,
}
