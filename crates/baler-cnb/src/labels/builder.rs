//! The labels of builders and packages: `io.buildpacks.builder.metadata` and `io.buildpacks.buildpack.layers`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::empty_as_null;
use crate::api::{BUILDPACK_APIS, PLATFORM_APIS};
use crate::buildpack::{License, ModuleInfo, Stack, Target};
use crate::order::Group;
use crate::value::null_as_default;
use crate::version::REFERENCE_LIFECYCLE;

/// The label `io.buildpacks.builder.metadata`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BuilderLabel {
    /// For people.
    pub description: String,
    /// The buildpacks in the builder.
    #[serde(serialize_with = "empty_as_null", deserialize_with = "null_as_default")]
    pub buildpacks: Vec<ModuleLabel>,
    /// The extensions in the builder.
    #[serde(serialize_with = "empty_as_null", deserialize_with = "null_as_default")]
    pub extensions: Vec<ModuleLabel>,
    /// The run image in its old form.
    pub stack: StackLabel,
    /// The lifecycle in the builder.
    pub lifecycle: LifecycleDescription,
    /// Who made the builder.
    pub created_by: CreatedBy,
    /// The run images.
    #[serde(serialize_with = "empty_as_null", deserialize_with = "null_as_default")]
    pub images: Vec<RunImageLabel>,
}

/// `stack` of a builder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StackLabel {
    /// The run image.
    pub run_image: RunImageLabel,
}

/// A run image of a builder; unlike `run::RunImage` with all keys written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunImageLabel {
    /// Its name.
    pub image: String,
    /// Names of the same image in other registries.
    #[serde(serialize_with = "empty_as_null", deserialize_with = "null_as_default")]
    pub mirrors: Vec<String>,
}

/// Who made a builder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreatedBy {
    /// The program.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The lifecycle of a builder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LifecycleDescription {
    /// Its version.
    pub version: String,
    /// The oldest APIs it supports, for old platforms.
    pub api: ApiPair,
    /// All APIs it supports.
    pub apis: LifecycleApis,
}

impl LifecycleDescription {
    /// Our own lifecycle.
    pub fn own() -> Self {
        let buildpack: Vec<String> = BUILDPACK_APIS.iter().map(ToString::to_string).collect();
        let platform: Vec<String> = PLATFORM_APIS.iter().map(ToString::to_string).collect();
        let lists = |supported| ApiLists { deprecated: Vec::new(), supported };
        Self {
            version: REFERENCE_LIFECYCLE.to_owned(),
            api: ApiPair { buildpack: buildpack[0].clone(), platform: platform[0].clone() },
            apis: LifecycleApis { buildpack: lists(buildpack), platform: lists(platform) },
        }
    }
}

/// A Buildpack API and a Platform API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiPair {
    /// Buildpack API.
    pub buildpack: String,
    /// Platform API.
    pub platform: String,
}

/// `apis`; also the label `io.buildpacks.lifecycle.apis` of a lifecycle image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LifecycleApis {
    /// Buildpack APIs.
    pub buildpack: ApiLists,
    /// Platform APIs.
    pub platform: ApiLists,
}

/// Which versions of an API are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiLists {
    /// Those that will go.
    #[serde(deserialize_with = "null_as_default")]
    pub deprecated: Vec<String>,
    /// The others.
    #[serde(deserialize_with = "null_as_default")]
    pub supported: Vec<String>,
}

/// What a label says of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ModuleLabel {
    /// The module's id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The module's version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// One paragraph.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// A URL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    /// For searching.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub keywords: Vec<String>,
    /// The execution environments it takes part in; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub exec_env: Vec<String>,
    /// Under which terms it is given.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub licenses: Vec<LicenseLabel>,
    /// User-provided variables stay out of its environment.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clear_env: bool,
}

/// A licence in a label. Its keys begin with capitals, as existing builders have them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LicenseLabel {
    /// An SPDX identifier.
    #[serde(rename = "Type", alias = "type")]
    pub kind: String,
    /// Where its text is.
    #[serde(rename = "URI", alias = "uri")]
    pub uri: String,
}

impl From<ModuleInfo> for ModuleLabel {
    fn from(info: ModuleInfo) -> Self {
        let license = |License { kind, uri }| LicenseLabel { kind, uri };
        Self {
            id: info.id,
            name: info.name,
            version: info.version,
            description: info.description,
            homepage: info.homepage,
            keywords: info.keywords,
            exec_env: info.exec_env,
            licenses: info.licenses.into_iter().map(license).collect(),
            clear_env: info.clear_env,
        }
    }
}

/// The label `io.buildpacks.buildpack.layers` or `io.buildpacks.extension.layers`: modules by id and version.
pub type ModuleLayers = BTreeMap<String, BTreeMap<String, ModuleLayer>>;

/// Where a module is, and what must be known of it without reading its layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModuleLayer {
    /// Its Buildpack API.
    pub api: String,
    /// Its stacks.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub stacks: Vec<Stack>,
    /// Its targets.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub targets: Vec<Target>,
    /// The order of a composite.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub order: Vec<Group>,
    /// The layer that holds it.
    #[serde(rename = "layerDiffID")]
    pub layer_diff_id: String,
    /// Its homepage.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{encode, encode_order};
    use crate::order::ModuleReference;

    #[test]
    fn an_empty_builder_has_all_keys() {
        let text = encode(&BuilderLabel::default()).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"description":"","buildpacks":null,"extensions":null,"stack":{"runImage":{"image":"","mirrors":null}},"#,
                r#""lifecycle":{"version":"","api":{"buildpack":"","platform":""},"apis":{"buildpack":{"deprecated":[],"supported":[]},"#,
                r#""platform":{"deprecated":[],"supported":[]}}},"createdBy":{"name":"","version":""},"images":null}"#
            )
        );
        assert_eq!(serde_json::from_str::<BuilderLabel>(&text).unwrap(), BuilderLabel::default());
    }

    #[test]
    fn a_module_has_only_what_it_says() {
        let info = ModuleInfo {
            id: "a".into(),
            version: "1".into(),
            licenses: vec![License { kind: "MIT".into(), uri: "u".into() }],
            clear_env: true,
            sbom_formats: vec!["x".into()],
            ..Default::default()
        };
        let expected = r#"{"id":"a","version":"1","licenses":[{"Type":"MIT","URI":"u"}],"clear-env":true}"#;
        assert_eq!(encode(&ModuleLabel::from(info)).unwrap(), expected);
    }

    #[test]
    fn layers_and_orders_have_the_references_keys() {
        let reference = ModuleReference { id: "b".into(), optional: true, ..Default::default() };
        let order = vec![Group { group: vec![reference] }];
        assert_eq!(encode_order(&order).unwrap(), r#"[{"group":[{"id":"b","optional":true}]}]"#);
        assert_eq!(encode_order(&[]).unwrap(), "null");
        let target = Target { os: "linux".into(), ..Default::default() };
        let layer = ModuleLayer {
            api: "0.10".into(),
            targets: vec![target],
            order,
            layer_diff_id: "sha256:1".into(),
            ..Default::default()
        };
        let layers: ModuleLayers = [("a".to_owned(), [("1".to_owned(), layer)].into())].into();
        let expected = concat!(
            r#"{"a":{"1":{"api":"0.10","targets":[{"os":"linux","arch":""}],"#,
            r#""order":[{"group":[{"id":"b","optional":true}]}],"layerDiffID":"sha256:1"}}}"#
        );
        assert_eq!(encode(&layers).unwrap(), expected);
        assert_eq!(serde_json::from_str::<ModuleLayers>(expected).unwrap(), layers);
    }
}
