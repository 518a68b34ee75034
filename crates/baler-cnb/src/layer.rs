//! `<layer>.toml`: what a layer is for, and what its buildpack remembers of it.
//!
//! Buildpack specification, "Layer Content Metadata (TOML)". Refuses the flags of Buildpack API < 0.6 outside of the
//! table `[types]`.

use serde::{Deserialize, Serialize};

/// Names whose `<name>.toml` is a file of the buildpack itself, so that no layer can have them.
pub const RESERVED_NAMES: [&str; 3] = ["build", "launch", "store"];

/// The three flags of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerTypes {
    /// Later buildpacks see it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub build: bool,
    /// It is part of the image.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub launch: bool,
    /// The next build gets it back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cache: bool,
}

impl LayerTypes {
    /// Whether no flag is set: such a layer is put aside after the build.
    pub fn is_ignored(self) -> bool {
        !(self.build || self.launch || self.cache)
    }
}

/// `<layer>.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerFile {
    /// `[types]`. Absent in a file that restore wrote: the buildpack must say again what the layer is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<LayerTypes>,
    /// `[metadata]`: the buildpack's own; a table in all but odd cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<toml::Value>,
}

/// Why a `<layer>.toml` was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerFileError {
    /// It is not TOML, or has values of a wrong type.
    #[error("it is not valid")]
    Invalid(#[source] toml::de::Error),
    /// It has `build`, `launch` or `cache` at the top level.
    #[error("the flag {0:?} stands outside of the table [types]")]
    MisplacedFlag(&'static str),
}

impl LayerFile {
    /// Reads the text of a `<layer>.toml`.
    pub fn parse(text: &str) -> Result<Self, LayerFileError> {
        let table: toml::Table = toml::from_str(text).map_err(LayerFileError::Invalid)?;
        if let Some(flag) = ["launch", "cache", "build"].into_iter().find(|flag| table.contains_key(*flag)) {
            return Err(LayerFileError::MisplacedFlag(flag));
        }
        toml::from_str(text).map_err(LayerFileError::Invalid)
    }

    /// Its flags; all false when it has none.
    pub fn types(&self) -> LayerTypes {
        self.types.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_metadata_are_read() {
        let file = LayerFile::parse("[types]\nbuild = true\n[metadata]\nk = 1\n").unwrap();
        assert_eq!(file.types(), LayerTypes { build: true, ..Default::default() });
        assert_eq!(file.metadata.unwrap()["k"].as_integer(), Some(1));
        assert!(LayerFile::parse("[metadata]\n").unwrap().types().is_ignored());
        assert_eq!(LayerFile::parse("").unwrap(), LayerFile::default());
    }

    #[test]
    fn misplaced_and_malformed_flags_are_refused() {
        for flag in ["build", "launch", "cache"] {
            let error = LayerFile::parse(&format!("{flag} = true\n")).unwrap_err();
            assert!(matches!(error, LayerFileError::MisplacedFlag(found) if found == flag), "{flag}");
        }
        assert!(matches!(LayerFile::parse("[types]\nlaunch = \"yes\"\n"), Err(LayerFileError::Invalid(_))));
        assert!(matches!(LayerFile::parse("[types\n"), Err(LayerFileError::Invalid(_))));
    }

    #[test]
    fn false_flags_are_not_written() {
        let types = LayerTypes { launch: true, ..Default::default() };
        let file = LayerFile { types: Some(types), metadata: None };
        assert_eq!(toml::to_string(&file).unwrap(), "[types]\nlaunch = true\n");
    }
}
