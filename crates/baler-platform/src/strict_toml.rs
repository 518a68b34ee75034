//! TOML files in which a key that is not known is an error, as in pack: builder.toml and package.toml.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a file cannot be used. `kind` is what it is called in messages: `builder` or `package`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StrictTomlError {
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("invalid {kind} toml: parse contents of '{}'", path.display())]
    Parse { kind: &'static str, path: PathBuf, source: Box<toml::de::Error> },
    #[error(
        "invalid {kind} toml: parse contents of '{path}': unknown configuration {elements} {keys} in '{path}'",
        path = path.display(), keys = quoted(keys), elements = if keys.len() == 1 { "element" } else { "elements" }
    )]
    UnknownKeys { kind: &'static str, path: PathBuf, keys: Vec<String> },
}

fn quoted(keys: &[String]) -> String {
    keys.iter().map(|key| format!("'{key}'")).collect::<Vec<_>>().join(", ")
}

/// Reads the file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, kind: &'static str) -> Result<T, StrictTomlError> {
    let read = |source| StrictTomlError::Read { path: path.to_owned(), source };
    parse(path, kind, &fs_err::read_to_string(path).map_err(read)?)
}

/// Reads the text of the file `path`.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, kind: &'static str, text: &str) -> Result<T, StrictTomlError> {
    let malformed = |source| StrictTomlError::Parse { kind, path: path.to_owned(), source: Box::new(source) };
    let (value, keys) = with_unknown_keys(text).map_err(malformed)?;
    if keys.is_empty() { Ok(value) } else { Err(StrictTomlError::UnknownKeys { kind, path: path.to_owned(), keys }) }
}

/// The value of a text, and the keys in it that are not known.
pub(crate) fn with_unknown_keys<T: DeserializeOwned>(text: &str) -> Result<(T, Vec<String>), toml::de::Error> {
    let mut keys = Vec::new();
    let deserializer = toml::Deserializer::parse(text)?;
    let value = serde_ignored::deserialize(deserializer, |key| keys.push(plain_key(&key.to_string())))?;
    keys.sort();
    keys.dedup();
    Ok((value, keys))
}

/// `buildpacks.0.typo` is `buildpacks.typo` to the person who wrote it.
fn plain_key(key: &str) -> String {
    let is_name = |part: &&str| part.parse::<usize>().is_err() && *part != "?";
    key.split('.').filter(is_name).collect::<Vec<_>>().join(".")
}
