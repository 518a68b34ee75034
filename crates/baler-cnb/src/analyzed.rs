//! analyzed.toml: the images of a build, resolved once and handed from phase to phase.
//!
//! Platform specification, "analyzed.toml (TOML)".

use serde::{Deserialize, Serialize, Serializer};

use crate::buildpack::Distro;
use crate::labels::LifecycleMetadata;

/// analyzed.toml.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Analyzed {
    /// `[image]`: the previous image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageReference>,
    /// `[build-image]`: set by restore when extensions change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_image: Option<ImageReference>,
    /// `[metadata]`: the label `io.buildpacks.lifecycle.metadata` of the previous image.
    #[serde(serialize_with = "serialize_metadata")]
    pub metadata: LifecycleMetadata,
    /// `[run-image]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_image: Option<RunImageAnalysis>,
}

/// A pinned reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageReference {
    /// Digest reference, id in a daemon, or path of a layout with a digest; empty when there is no such image.
    pub reference: String,
}

/// The table `[run-image]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunImageAnalysis {
    /// Digest reference, id in a daemon, or path of a layout with a digest; empty when the image was not found.
    pub reference: String,
    /// Platform API ≥ 0.12: its name as given.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Platform API ≥ 0.12: a generated Dockerfile extends it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub extend: bool,
    /// Platform API ≥ 0.12: what it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetMetadata>,
}

/// What a run image is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TargetMetadata {
    /// `io.buildpacks.base.id`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Operating system.
    pub os: String,
    /// Architecture.
    pub arch: String,
    /// Architecture variant. The specification's key is `variant`; files in use have this one.
    #[serde(skip_serializing_if = "String::is_empty", alias = "variant")]
    pub arch_variant: String,
    /// Distribution, when the image says which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distro: Option<Distro>,
}

/// The names of the label's keys in analyzed.toml.
const TOML_NAMES: [(&str, &str); 2] = [("runImage", "run-image"), ("topLayer", "top-layer")];

fn serialize_metadata<S: Serializer>(metadata: &LifecycleMetadata, serializer: S) -> Result<S::Ok, S::Error> {
    let mut table = toml::Table::try_from(metadata).map_err(serde::ser::Error::custom)?;
    rename_keys(&mut table);
    for key in ["run-image", "stack"] {
        if let Some(toml::Value::Table(inner)) = table.get_mut(key) {
            rename_keys(inner);
        }
    }
    let buildpacks = table.get_mut("buildpacks").and_then(toml::Value::as_array_mut);
    for buildpack in buildpacks.into_iter().flatten() {
        let layers = buildpack.get_mut("layers").and_then(toml::Value::as_table_mut);
        for layer in layers.into_iter().flatten().filter_map(|(_, layer)| layer.as_table_mut()) {
            if let Some(data) = layer.remove("data") {
                layer.insert("metadata".to_owned(), data);
            }
        }
    }
    table.serialize(serializer)
}

fn rename_keys(table: &mut toml::Table) {
    for (label_name, toml_name) in TOML_NAMES {
        if let Some(value) = table.remove(label_name) {
            table.insert(toml_name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_build_has_empty_digests() {
        let analyzed = Analyzed { image: Some(ImageReference::default()), ..Default::default() };
        let text = toml::to_string(&analyzed).unwrap();
        let expected = concat!(
            "[image]\nreference = \"\"\n\n[metadata.config]\nsha = \"\"\n\n[metadata.launcher]\nsha = \"\"\n\n",
            "[metadata.process-types]\nsha = \"\"\n\n[metadata.run-image]\nreference = \"\"\ntop-layer = \"\"\n"
        );
        assert_eq!(text.replace("[metadata]\n\n", ""), expected);
        assert_eq!(toml::from_str::<Analyzed>(&text).unwrap(), analyzed);
    }

    #[test]
    fn a_label_survives_the_way_through_analyzed_toml() {
        let label = r#"{"app":[{"sha":"1"}],"buildpacks":[{"key":"a","version":"1","layers":{"l":{"sha":"2","data":{"n":1,"x":null},
            "build":false,"launch":true,"cache":false},"empty":{"sha":"3","data":null}},"store":{"metadata":{"s":2}}}],
            "runImage":{"topLayer":"t","reference":"r","image":"i","mirrors":["m"]},"stack":{"runImage":{"image":"i"}}}"#;
        let metadata: LifecycleMetadata = serde_json::from_str(label).unwrap();
        let analyzed = Analyzed { metadata, ..Default::default() };
        let text = toml::to_string(&analyzed).unwrap();
        for line in
            ["[metadata.buildpacks.layers.l.metadata]\nn = 1.0\n", "[metadata.stack.run-image]", "top-layer = \"t\""]
        {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert_eq!(toml::from_str::<Analyzed>(&text).unwrap(), analyzed);
    }

    #[test]
    fn both_names_of_the_variant_are_read() {
        for key in ["variant", "arch-variant"] {
            let text = format!(
                "[run-image]\nreference = \"r\"\n[run-image.target]\nos = \"linux\"\narch = \"arm\"\n{key} = \"v7\"\n"
            );
            let analyzed: Analyzed = toml::from_str(&text).unwrap();
            assert_eq!(analyzed.run_image.unwrap().target.unwrap().arch_variant, "v7", "{key}");
        }
    }
}
