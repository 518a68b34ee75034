//! The label `io.buildpacks.lifecycle.metadata` and the metadata of the cache.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::empty_as_null;
use crate::layer::LayerTypes;
use crate::run::RunImage;
use crate::value::{LabelTable, LabelValue, null_as_default};

/// The label `io.buildpacks.lifecycle.metadata`; as TOML (other names, see `analyzed`) part of analyzed.toml.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LifecycleMetadata {
    /// The application's layers.
    #[serde(serialize_with = "empty_as_null", deserialize_with = "app_layers")]
    pub app: Vec<Sha>,
    /// The layer of SBOM files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sbom: Option<Sha>,
    /// The group, with the launch layers of each.
    #[serde(serialize_with = "empty_as_null", deserialize_with = "null_as_default")]
    pub buildpacks: Vec<BuildpackLayers>,
    /// The layer of metadata.toml.
    pub config: Sha,
    /// The layer of the launcher.
    pub launcher: Sha,
    /// The layer of links for process types; empty when there are none.
    #[serde(rename = "process-types")]
    pub process_types: Sha,
    /// The run image below.
    #[serde(alias = "run-image")]
    pub run_image: RunImageForRebase,
    /// Where the run image is found, in the form of Platform APIs < 0.12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackForRebase>,
}

impl LifecycleMetadata {
    /// The run image that the app was built on, in the form of Platform APIs ≥ 0.12, else in that of older ones.
    pub fn known_run_image(&self) -> Option<&RunImage> {
        let is_known = |image: &&RunImage| !image.image.is_empty();
        Some(&self.run_image.image).filter(is_known).or_else(|| self.run_image_of_stack())
    }

    /// The same, in the form of Platform APIs < 0.12 alone.
    pub fn run_image_of_stack(&self) -> Option<&RunImage> {
        self.stack.as_ref().map(|stack| &stack.run_image).filter(|image| !image.image.is_empty())
    }
}

/// A diffID, such as `sha256:…`; empty when there is no such layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sha {
    /// The diffID.
    pub sha: String,
}

/// A buildpack of the group and its layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildpackLayers {
    /// The buildpack's id.
    pub key: String,
    /// The buildpack's version.
    pub version: String,
    /// By name.
    #[serde(deserialize_with = "null_as_default")]
    pub layers: BTreeMap<String, LayerMetadata>,
    /// store.toml.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreLabel>,
}

/// What is remembered of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerMetadata {
    /// The diffID.
    pub sha: String,
    /// `[metadata]` of its `<layer>.toml`.
    #[serde(alias = "metadata")]
    pub data: Option<LabelValue>,
    /// `[types]` of its `<layer>.toml`.
    #[serde(flatten)]
    pub types: WrittenTypes,
}

/// The flags of a layer, all of them written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WrittenTypes {
    /// Later buildpacks see it.
    pub build: bool,
    /// It is part of the image.
    pub launch: bool,
    /// The next build gets it back.
    pub cache: bool,
}

impl From<LayerTypes> for WrittenTypes {
    fn from(LayerTypes { build, launch, cache }: LayerTypes) -> Self {
        Self { build, launch, cache }
    }
}

impl From<WrittenTypes> for LayerTypes {
    fn from(WrittenTypes { build, launch, cache }: WrittenTypes) -> Self {
        Self { build, launch, cache }
    }
}

/// store.toml in a label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreLabel {
    /// `[metadata]`.
    pub metadata: LabelTable,
}

/// The run image of an app image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunImageForRebase {
    /// diffID of its top layer, above which the app's layers begin.
    #[serde(alias = "top-layer")]
    pub top_layer: String,
    /// What it was built on, pinned.
    pub reference: String,
    /// Its name and mirrors.
    #[serde(flatten)]
    pub image: RunImage,
}

/// The table `stack`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StackForRebase {
    /// Name and mirrors of the run image.
    #[serde(alias = "run-image")]
    pub run_image: RunImage,
}

/// The metadata of a cache.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CacheMetadata {
    /// The layer of SBOM files; an empty digest when there is none.
    pub sbom: Sha,
    /// Buildpacks and their cached layers.
    #[serde(serialize_with = "empty_as_null", deserialize_with = "null_as_default")]
    pub buildpacks: Vec<BuildpackLayers>,
}

/// Images of the first lifecycles have one value where later ones have a list.
fn app_layers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Sha>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum App {
        List(Vec<Sha>),
        One(Sha),
        Text(String),
        Nothing(()),
    }
    Ok(match App::deserialize(deserializer)? {
        App::List(layers) => layers,
        App::One(layer) => vec![layer],
        App::Text(sha) => vec![Sha { sha }],
        App::Nothing(()) => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::encode;

    fn sha(sha: &str) -> Sha {
        Sha { sha: sha.into() }
    }

    #[test]
    fn the_label_has_the_references_keys_in_its_order() {
        let data: toml::Value = toml::Value::Table(toml::from_str("n = 1").unwrap());
        let layer = LayerMetadata {
            sha: "sha256:1".into(),
            data: Some(data.into()),
            types: WrittenTypes { launch: true, ..Default::default() },
        };
        let buildpack = BuildpackLayers {
            key: "a/b".into(),
            version: "1".into(),
            layers: [("l".to_owned(), layer), ("k".to_owned(), LayerMetadata::default())].into(),
            store: Some(StoreLabel { metadata: toml::from_str::<toml::Table>("s = \"<\"").unwrap().into() }),
        };
        let image = RunImage { image: "run:1".into(), mirrors: vec!["m".into()] };
        let metadata = LifecycleMetadata {
            app: vec![sha("sha256:2")],
            sbom: Some(sha("sha256:3")),
            buildpacks: vec![buildpack],
            run_image: RunImageForRebase { top_layer: "t".into(), reference: "r".into(), image: image.clone() },
            stack: Some(StackForRebase { run_image: image }),
            ..Default::default()
        };
        let text = encode(&metadata).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"app":[{"sha":"sha256:2"}],"sbom":{"sha":"sha256:3"},"buildpacks":[{"key":"a/b","version":"1","#,
                r#""layers":{"k":{"sha":"","data":null,"build":false,"launch":false,"cache":false},"#,
                r#""l":{"sha":"sha256:1","data":{"n":1},"build":false,"launch":true,"cache":false}},"#,
                r#""store":{"metadata":{"s":"\u003c"}}}],"config":{"sha":""},"launcher":{"sha":""},"process-types":{"sha":""},"#,
                r#""runImage":{"topLayer":"t","reference":"r","image":"run:1","mirrors":["m"]},"#,
                r#""stack":{"runImage":{"image":"run:1","mirrors":["m"]}}}"#
            )
        );
        let back: LifecycleMetadata = serde_json::from_str(&text).unwrap();
        assert_eq!(back.run_image, metadata.run_image);
        assert_eq!(back.buildpacks[0].layers["l"].data.as_ref().unwrap().0["n"].as_float(), Some(1.0));
    }

    #[test]
    fn nothing_is_null() {
        let text = encode(&LifecycleMetadata::default()).unwrap();
        assert!(text.starts_with(r#"{"app":null,"buildpacks":null,"config""#), "{text}");
        assert_eq!(encode(&CacheMetadata::default()).unwrap(), r#"{"sbom":{"sha":""},"buildpacks":null}"#);
    }

    #[test]
    fn app_is_read_in_all_forms() {
        let cases = [
            (r#"{"app":[{"sha":"a"},{"sha":"b"}]}"#, vec![sha("a"), sha("b")]),
            (r#"{"app":{"sha":"a"}}"#, vec![sha("a")]),
            (r#"{"app":"a"}"#, vec![sha("a")]),
            (r#"{"app":null}"#, vec![]),
            ("{}", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(serde_json::from_str::<LifecycleMetadata>(text).unwrap().app, expected, "{text}");
        }
    }
}
