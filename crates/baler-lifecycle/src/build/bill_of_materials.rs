//! The bill of materials in its old form: `[[bom]]` of build.toml and launch.toml.
//!
//! Buildpack specification, "Bill-of-Materials", deprecated from Buildpack API 0.7 on. From Platform API 0.9 on it goes
//! to `sbom.legacy.json`, before to metadata.toml.

use std::path::Path;

use baler_cnb::group::GroupElement;
use baler_cnb::labels::encode;
use baler_cnb::value::LabelTable;
use serde::Serialize;

use super::error::BuildError;
use crate::toml_file::write_whole;

/// An entry in the form of sbom.legacy.json.
#[derive(Serialize)]
struct LegacyEntry {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    metadata: Option<LabelTable>,
    buildpack: Option<LabelTable>,
}

/// The entry with the buildpack that it comes from.
pub(super) fn signed(mut entry: toml::Table, element: &GroupElement) -> toml::Table {
    let buildpack = [("id", &element.id), ("version", &element.version)];
    let buildpack: toml::Table =
        buildpack.into_iter().map(|(key, text)| (key.to_owned(), toml::Value::String(text.clone()))).collect();
    entry.insert("buildpack".to_owned(), buildpack.into());
    entry
}

/// Writes `<layers>/sbom/<kind>/sbom.legacy.json`; also when there is nothing in it, as existing tools expect.
pub(super) fn write_legacy(layers_directory: &Path, kind: &str, bom: &[toml::Table]) -> Result<(), BuildError> {
    let entries: Vec<_> = bom.iter().map(legacy_entry).collect();
    let text = encode(&(!entries.is_empty()).then_some(entries)).map_err(BuildError::BillOfMaterials)?;
    let path = layers_directory.join("sbom").join(kind).join("sbom.legacy.json");
    Ok(write_whole(&path, format!("{text}\n").as_bytes())?)
}

fn legacy_entry(entry: &toml::Table) -> LegacyEntry {
    let text = |key: &str| entry.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let table = |key: &str| entry.get(key).and_then(toml::Value::as_table).cloned().map(LabelTable);
    LegacyEntry {
        name: text("name").unwrap_or_default(),
        version: text("version"),
        metadata: table("metadata"),
        buildpack: table("buildpack"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_signed_and_written_as_json() {
        let directory = tempfile::tempdir().unwrap();
        let element = GroupElement { id: "test/a".into(), version: "1".into(), ..Default::default() };
        let entry = toml::from_str("name = \"old\"\nextra = 1\n[metadata]\nv = \"<1>\"\n").unwrap();
        write_legacy(directory.path(), "launch", &[signed(entry, &element)]).unwrap();
        write_legacy(directory.path(), "build", &[]).unwrap();
        let read = |kind: &str| {
            fs_err::read_to_string(directory.path().join("sbom").join(kind).join("sbom.legacy.json")).unwrap()
        };
        let expected = r#"[{"name":"old","metadata":{"v":"\u003c1\u003e"},"buildpack":{"id":"test/a","version":"1"}}]"#;
        assert_eq!(read("launch"), format!("{expected}\n"));
        assert_eq!(read("build"), "null\n");
    }
}
