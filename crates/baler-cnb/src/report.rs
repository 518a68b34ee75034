//! report.toml: what export wrote.
//!
//! Platform specification, "report.toml (TOML)".

use serde::{Deserialize, Serialize};

/// report.toml.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// `[build]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildReport>,
    /// `[image]`.
    pub image: ImageReport,
}

/// The table `[build]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildReport {
    /// `[[build.bom]]`, Platform API < 0.9.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bom: Vec<toml::Table>,
}

/// The table `[image]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ImageReport {
    /// The names that were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Id of the image in a daemon.
    #[serde(rename = "image-id", skip_serializing_if = "String::is_empty")]
    pub image_id: String,
    /// Digest of the manifest in a registry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Size of the manifest; not written when it is not known.
    #[serde(skip_serializing_if = "is_zero")]
    pub manifest_size: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(size: &u64) -> bool {
    *size == 0
}
