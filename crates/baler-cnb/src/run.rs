//! run.toml and stack.toml: the run images that a builder offers.
//!
//! Platform specification, "run.toml (TOML)"; before Platform API 0.12 "stack.toml (TOML)".

use serde::{Deserialize, Serialize};

/// run.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunFile {
    /// `[[images]]`; the first is used unless another is chosen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<RunImage>,
}

/// stack.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct StackFile {
    /// `[run-image]`.
    pub run_image: RunImage,
}

/// A run image and where else the same image is found. The same keys stand in labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunImage {
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Names of the same image in other registries.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::value::null_as_default")]
    pub mirrors: Vec<String>,
}
