//! build.toml: what a buildpack says of the plan it was given.
//!
//! Buildpack specification, "build.toml (TOML)".

use serde::Deserialize;

/// build.toml.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BuildFile {
    /// `[[unmet]]`: requirements that it left to later buildpacks.
    pub unmet: Vec<Unmet>,
    /// `[[bom]]`: deprecated from Buildpack API 0.7 on.
    pub bom: Vec<toml::Table>,
}

/// A requirement that a buildpack did not meet. Instead of a table there may be the name alone, as libcnb.rs writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "AnyUnmet")]
pub struct Unmet {
    /// The dependency, as its plan names it.
    pub name: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AnyUnmet {
    Name(String),
    Table {
        #[serde(default)]
        name: String,
    },
}

impl From<AnyUnmet> for Unmet {
    fn from(unmet: AnyUnmet) -> Self {
        let (AnyUnmet::Name(name) | AnyUnmet::Table { name }) = unmet;
        Self { name }
    }
}
