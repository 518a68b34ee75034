//! buildpack.toml and extension.toml: what a module says of itself.
//!
//! Buildpack specification, "buildpack.toml (TOML)" and "extension.toml (TOML)". Reading is lenient: unknown keys are
//! left out, missing ones are empty. Whether a module may be used is decided where it is used.

use serde::{Deserialize, Serialize};

use crate::exec_env::deserialize_exec_env;
pub use crate::metadata::escape_id;
use crate::order::Group;

/// buildpack.toml. A buildpack with an `order` is a composite, others are components.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildpackDescriptor {
    /// The Buildpack API that the module was written for, as text: it may be one that is not known.
    #[serde(default)]
    pub api: String,
    /// `[buildpack]`.
    #[serde(default)]
    pub buildpack: ModuleInfo,
    /// `[[targets]]`, Buildpack API ≥ 0.10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// `[[stacks]]`, Buildpack API < 0.10; read on only to infer targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<Stack>,
    /// `[[order]]` of a composite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Group>,
    /// `[metadata]`: the buildpack's own.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub metadata: toml::Table,
}

/// extension.toml.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExtensionDescriptor {
    /// The Buildpack API that the module was written for.
    #[serde(default)]
    pub api: String,
    /// `[extension]`.
    #[serde(default)]
    pub extension: ModuleInfo,
    /// `[[targets]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// `[metadata]`: the extension's own.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub metadata: toml::Table,
}

/// The table `[buildpack]` or `[extension]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ModuleInfo {
    /// Unique without regard to case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `X.Y.Z` by the specification; free text in practice.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// One paragraph.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// A URL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    /// For searching.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Buildpack API ≥ 0.12: the execution environments it takes part in; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "deserialize_exec_env")]
    pub exec_env: Vec<String>,
    /// Under which terms it is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<License>,
    /// User-provided variables stay out of its environment.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clear_env: bool,
    /// Media types of the SBOM files it writes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sbom_formats: Vec<String>,
}

impl ModuleInfo {
    /// `id@version`, as messages name a module.
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }
}

/// One of `licenses`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct License {
    /// An SPDX identifier.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Where its text is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uri: String,
}

/// One of `[[targets]]`: what a module can run on. An empty field matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// Operating system, as Go names it.
    pub os: String,
    /// Architecture, as Go names it.
    pub arch: String,
    /// Architecture variant. The specification's key is `variant`; descriptors with `arch-variant` exist.
    #[serde(skip_serializing_if = "String::is_empty", alias = "arch-variant")]
    pub variant: String,
    /// Distributions; none is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub distros: Vec<Distro>,
}

/// A distribution, in targets and of a run image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Distro {
    /// `ID` of os-release.
    pub name: String,
    /// `VERSION_ID` of os-release.
    pub version: String,
}

/// One of `[[stacks]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stack {
    /// `*` is any.
    pub id: String,
    /// Packages that the stack must have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mixins: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_read() {
        let text = r#"
            api = "0.12"
            [buildpack]
            id = "example/tool"
            version = "1.2.3"
            clear-env = true
            sbom-formats = ["application/spdx+json"]
            exec-env = ["test"]
            unknown = 1
            [[buildpack.licenses]]
            type = "MIT"
            [[targets]]
            os = "linux"
            arch-variant = "v8"
            [[targets.distros]]
            name = "debian"
            version = "13"
        "#;
        let descriptor: BuildpackDescriptor = toml::from_str(text).unwrap();
        assert_eq!(descriptor.buildpack.full_name(), "example/tool@1.2.3");
        assert!(descriptor.buildpack.clear_env);
        assert_eq!(descriptor.buildpack.exec_env, ["test"]);
        assert_eq!(descriptor.targets[0].variant, "v8");
        assert_eq!(descriptor.targets[0].distros[0].name, "debian");
        assert_eq!(descriptor.buildpack.licenses[0].kind, "MIT");
    }

    #[test]
    fn both_forms_of_exec_env_are_read() {
        let table = "[buildpack]\nid = \"x\"\n[[buildpack.exec-env]]\nname = \"test\"\n";
        let descriptor: BuildpackDescriptor = toml::from_str(table).unwrap();
        assert_eq!(descriptor.buildpack.exec_env, ["test"]);
        assert!(toml::from_str::<BuildpackDescriptor>("[[buildpack.exec-env]]\nother = \"test\"\n").is_err());
    }

    #[test]
    fn a_composite_is_read() {
        let text = "api = \"0.10\"\n[buildpack]\nid = \"meta\"\nversion = \"1\"\n[[order]]\n[[order.group]]\nid = \"a\"\nversion = \"2\"\noptional = true\n";
        let descriptor: BuildpackDescriptor = toml::from_str(text).unwrap();
        assert_eq!(descriptor.order[0].group[0].id, "a");
        assert!(descriptor.order[0].group[0].optional);
    }
}
