//! lifecycle.toml, which stands in the archive of a lifecycle release and describes it.

use serde::{Deserialize, Serialize};

use crate::labels::{ApiPair, LifecycleApis, LifecycleDescription};

/// The media types of the SBOM files that a lifecycle reads and writes.
pub const SBOM_FORMATS: [&str; 3] =
    ["application/vnd.cyclonedx+json", "application/spdx+json", "application/vnd.syft+json"];

/// lifecycle.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LifecycleFile {
    /// All APIs it supports.
    pub apis: LifecycleApis,
    /// The oldest APIs it supports, for old platforms.
    pub api: ApiPair,
    pub lifecycle: LifecycleTable,
}

/// `[lifecycle]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct LifecycleTable {
    pub version: String,
    pub sbom_formats: Vec<String>,
}

impl From<LifecycleDescription> for LifecycleFile {
    fn from(LifecycleDescription { version, api, apis }: LifecycleDescription) -> Self {
        let sbom_formats = SBOM_FORMATS.map(str::to_owned).to_vec();
        Self { apis, api, lifecycle: LifecycleTable { version, sbom_formats } }
    }
}

impl From<LifecycleFile> for LifecycleDescription {
    fn from(LifecycleFile { apis, api, lifecycle }: LifecycleFile) -> Self {
        Self { version: lifecycle.version, api, apis }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_is_read_again() {
        let text = toml::to_string(&LifecycleFile::from(LifecycleDescription::own())).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(table["api"]["platform"].as_str(), Some("0.7"));
        assert_eq!(table["apis"]["buildpack"]["supported"][5].as_str(), Some("0.12"));
        assert_eq!(table["apis"]["buildpack"]["deprecated"].as_array().map(Vec::len), Some(0));
        assert_eq!(table["lifecycle"]["sbom-formats"].as_array().map(Vec::len), Some(3));
        let file: LifecycleFile = toml::from_str(&text).unwrap();
        assert_eq!(LifecycleDescription::from(file), LifecycleDescription::own());
    }
}
