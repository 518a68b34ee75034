//! The image config (OCI image specification: "Image Configuration").
//!
//! Only what the Buildpacks specifications speak of is typed; all else is kept as it came.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::platform::Platform;

/// An image config document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    #[serde(default)]
    pub architecture: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    #[serde(default)]
    pub os: String,
    pub rootfs: RootFs,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub config: RuntimeConfig,
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// The digests of the uncompressed layers, bottom first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub diff_ids: Vec<Digest>,
}

/// How one layer, or one change of the config, came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// What an engine does with the image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RuntimeConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// Go writes an absent list or map as `null`.
fn null_is_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl ImageConfig {
    /// The platform that the config names; `None` where it names no architecture.
    pub fn platform(&self) -> Option<Platform> {
        if self.architecture.is_empty() {
            return None;
        }
        let os = if self.os.is_empty() { "linux" } else { &self.os };
        let (os_version, variant) = (self.os_version.clone(), self.variant.clone());
        Some(Platform { os_version, variant, ..Platform::new(os, &self.architecture) })
    }

    /// A label's text.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.get(name).map(String::as_str)
    }

    /// The value of an environment variable: what follows the first `=`.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let value =
            |entry: &'_ String| entry.split_once('=').filter(|(key, _)| *key == name).map(|(key, _)| key.len() + 1);
        self.config.env.iter().rev().find_map(|entry| value(entry).map(|start| &entry[start..]))
    }

    /// Sets an environment variable, in place where it exists.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        let entry = format!("{name}={value}");
        let is_it = |entry: &&mut String| entry.split_once('=').is_some_and(|(key, _)| key == name);
        match self.config.env.iter_mut().find(is_it) {
            Some(existing) => *existing = entry,
            None => self.config.env.push(entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_it_does_not_know() {
        let text = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":null},"config":{"Env":["A=b=c"],"Shell":["/bin/sh"]},"docker_version":"1"}"#;
        let mut config: ImageConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.variable("A"), Some("b=c"));
        config.set_variable("A", "x");
        config.set_variable("B", "y");
        let written = serde_json::to_value(&config).unwrap();
        assert_eq!(written["config"]["Shell"][0], "/bin/sh");
        assert_eq!(written["docker_version"], "1");
        assert_eq!(written["config"]["Env"], serde_json::json!(["A=x", "B=y"]));
    }
}
