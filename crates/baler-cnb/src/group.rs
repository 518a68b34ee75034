//! group.toml: the modules that detection chose.
//!
//! Platform specification, "group.toml (TOML)".

use serde::{Deserialize, Serialize};

/// group.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct GroupFile {
    /// `[[group]]`: buildpacks in the order in which they build.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<GroupElement>,
    /// `[[group-extensions]]`, Platform API ≥ 0.10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_extensions: Vec<GroupElement>,
}

/// A module of the chosen group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupElement {
    /// The module's id.
    pub id: String,
    /// The module's version.
    pub version: String,
    /// The Buildpack API of its descriptor.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api: String,
    /// Homepage of its descriptor.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
}

impl GroupElement {
    /// `id@version`, as messages name a module.
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_not_written() {
        let element = GroupElement { id: "a/b".into(), version: "1".into(), api: "0.10".into(), ..Default::default() };
        let group = GroupFile { group: vec![element], ..Default::default() };
        let text = toml::to_string(&group).unwrap();
        assert_eq!(text, "[[group]]\nid = \"a/b\"\nversion = \"1\"\napi = \"0.10\"\n");
        assert_eq!(toml::from_str::<GroupFile>(&text).unwrap(), group);
    }
}
