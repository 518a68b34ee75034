//! order.toml and system.toml: which groups of modules detection tries.
//!
//! Platform specification, "order.toml (TOML)" and, from Platform API 0.15, "system.toml (TOML)".

use serde::{Deserialize, Serialize};

use crate::exec_env::deserialize_exec_env;

/// order.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct OrderFile {
    /// `[[order]]`: the groups, the best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Group>,
    /// `[[order-extensions]]`, Platform API ≥ 0.10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order_extensions: Vec<Group>,
}

/// One group of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Its elements, in the order in which they run.
    #[serde(deserialize_with = "crate::value::null_as_default")]
    pub group: Vec<ModuleReference>,
}

/// An element of a group: a module by id and version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ModuleReference {
    /// The module's id.
    pub id: String,
    /// The module's version; empty in a file written by hand that leaves the choice to the builder.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Platform API ≥ 0.15: the execution environments in which it is considered; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "deserialize_exec_env")]
    pub exec_env: Vec<String>,
    /// The group may do without it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

impl ModuleReference {
    /// `id@version`, as messages name a module.
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }
}

/// system.toml: modules put around every group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SystemFile {
    /// `[system]`.
    pub system: System,
}

/// The table `[system]`, also the label `io.buildpacks.buildpack.system`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct System {
    /// Before each group.
    pub pre: SystemModules,
    /// After each group.
    pub post: SystemModules,
}

impl System {
    /// Whether it changes no group.
    pub fn is_empty(&self) -> bool {
        self.pre.buildpacks.is_empty() && self.post.buildpacks.is_empty()
    }
}

/// `[system.pre]` or `[system.post]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SystemModules {
    /// `[[system.pre.buildpacks]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buildpacks: Vec<ModuleReference>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_writing_and_reading() {
        let text = "[[order]]\n\n[[order.group]]\nid = \"a\"\nversion = \"1\"\n\n[[order.group]]\nid = \"b\"\nversion = \"2\"\noptional = true\n";
        let order: OrderFile = toml::from_str(text).unwrap();
        assert_eq!(order.order[0].group[1].full_name(), "b@2");
        assert_eq!(toml::to_string(&order).unwrap().trim(), text.trim());
    }

    #[test]
    fn system_modules_are_read_in_either_notation() {
        let arrays = "[[system.pre.buildpacks]]\nid = \"a\"\nversion = \"1\"\n[[system.post.buildpacks]]\nid = \"b\"\n";
        let inline =
            "[system.pre]\nbuildpacks = [{id = \"a\", version = \"1\"}]\n[system.post]\nbuildpacks = [{id = \"b\"}]\n";
        let system: SystemFile = toml::from_str(arrays).unwrap();
        assert_eq!(system, toml::from_str(inline).unwrap());
        assert!(!system.system.is_empty());
        assert!(SystemFile::default().system.is_empty());
    }
}
