//! `exec-env`: the execution environments that something takes part in (Platform API ≥ 0.15).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Reads `exec-env` in both forms in use: `["test"]` and, as the specification's example shows it, `[{name = "test"}]`.
pub(crate) fn deserialize_exec_env<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Entry {
        Name(String),
        Table(BTreeMap<String, String>),
    }
    let entries = Vec::<Entry>::deserialize(deserializer)?;
    let name = |entry| match entry {
        Entry::Name(name) => Ok(name),
        Entry::Table(mut table) => table.remove("name").ok_or_else(|| serde::de::Error::missing_field("name")),
    };
    entries.into_iter().map(name).collect()
}
