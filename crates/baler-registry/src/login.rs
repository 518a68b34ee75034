//! Keeping credentials, and forgetting them: in the file from which they are read, or with the helper that it names for the
//! registry. Everything else in the file stays as it is.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::credentials::Origin;
use crate::docker_config::{DockerConfig, HUB, HUB_KEY, InvalidDockerConfig, normalised};
use crate::helper::{self, Helper, HelperError};
use crate::keychain::{KeychainContext, KeychainError};
use crate::keychain_file;
use crate::secret::Secret;

/// What credentials are for: a registry, or what is below a path in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginKey {
    registry: String,
    path: String,
}

/// Text that names no registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a registry: expected HOST[:PORT][/PATH]")]
pub struct InvalidLoginKey(String);

impl FromStr for LoginKey {
    type Err = InvalidLoginKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let key = normalised(text);
        let (registry, path) = key.split_once('/').unwrap_or((key, ""));
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if registry.is_empty() || !registry.bytes().all(is_host) || path.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(InvalidLoginKey(text.to_owned()));
        }
        let registry = if HUB.contains(&registry) { "docker.io" } else { registry };
        Ok(Self { registry: registry.to_owned(), path: path.to_owned() })
    }
}

impl std::fmt::Display for LoginKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let separator = if self.path.is_empty() { "" } else { "/" };
        write!(formatter, "{}{separator}{}", self.registry, self.path)
    }
}

impl LoginKey {
    /// The registry's host.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// As it stands in the file of this name: Docker has an old address for its own registry.
    fn in_file(&self, path: &Path) -> String {
        let is_docker = path.file_name().is_some_and(|name| name == "config.json");
        if is_docker && self.registry == "docker.io" && self.path.is_empty() {
            HUB_KEY.to_owned()
        } else {
            self.to_string()
        }
    }

    /// Whether a key of a file is for the same.
    fn is(&self, key: &str) -> bool {
        key.parse() == Ok(self.clone())
    }
}

/// Why credentials could not be kept or forgotten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    #[error("there is no place for credentials: neither HOME nor DOCKER_CONFIG is set")]
    NoPlace,
    #[error("{0}")]
    Keychain(#[from] KeychainError),
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("could not hand the credentials to the helper")]
    Helper { source: HelperError },
}

/// A file of credentials that is changed.
struct File {
    path: PathBuf,
    document: Map<String, Value>,
    config: DockerConfig,
}

impl File {
    /// The file that credentials are read from; a new one where there is none.
    fn open(context: &KeychainContext<'_>) -> Result<Self, StoreError> {
        let Some((path, bytes)) = keychain_file::read(context)? else {
            let path = keychain_file::candidates(context).into_iter().next().ok_or(StoreError::NoPlace)?;
            return Ok(Self { path, document: Map::new(), config: DockerConfig::default() });
        };
        let damaged = |source| KeychainError::File { path: path.clone(), source };
        let config = DockerConfig::parse(&bytes).map_err(damaged)?;
        let json = |error: serde_json::Error| InvalidDockerConfig::Json { line: error.line(), column: error.column() };
        let document = serde_json::from_slice(&bytes).map_err(json).map_err(damaged)?;
        Ok(Self { path, document, config })
    }

    /// Puts an entry in place of all that are for the same; whether there was one.
    fn set(&mut self, key: &LoginKey, entry: Option<Value>) -> bool {
        let auths = self.document.entry("auths").or_insert_with(|| json!({}));
        let Some(auths) = auths.as_object_mut() else { return false };
        let before = auths.len();
        auths.retain(|name, _| !key.is(name));
        let was_there = auths.len() < before;
        if let Some(entry) = entry {
            auths.insert(key.in_file(&self.path), entry);
        }
        was_there
    }

    /// Writes the file, readable for its owner alone.
    fn write(&self) -> Result<(), StoreError> {
        let failed = |source| StoreError::Write { path: self.path.clone(), source };
        // The file may be a link to one that is kept elsewhere.
        let path = fs_err::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let directory = path.parent().unwrap_or(Path::new("."));
        fs_err::create_dir_all(directory).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
        let mut bytes = serde_json::to_vec_pretty(&self.document).map_err(|error| failed(error.into()))?;
        bytes.push(b'\n');
        file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&path).map(|_| ()).map_err(|error| failed(error.error))
    }
}

/// Keeps credentials; says where.
pub fn store_login(
    context: &KeychainContext<'_>,
    key: &LoginKey,
    username: &str,
    password: &Secret,
) -> Result<Origin, StoreError> {
    let mut file = File::open(context)?;
    let registry = crate::Repository::new(&key.registry, "").registry().to_owned();
    if let Some((name, address)) = file.config.helper(&registry).map(|(name, address)| (name.to_owned(), address)) {
        let helper = Helper::new(&name, &context.search, helper::timeout(context)?);
        helper.store(&address, username, password).map_err(|source| StoreError::Helper { source })?;
        // As Docker does: the entry says that there are credentials, and has none.
        file.set(key, Some(json!({})));
        file.write()?;
        return Ok(Origin::Helper(helper.program()));
    }
    let pair = STANDARD.encode(format!("{username}:{}", password.reveal()));
    file.set(key, Some(json!({ "auth": pair })));
    file.write()?;
    Ok(Origin::File(file.path))
}

/// Forgets credentials; says where there were any.
pub fn erase_login(context: &KeychainContext<'_>, key: &LoginKey) -> Result<Vec<Origin>, StoreError> {
    let mut file = File::open(context)?;
    let mut found = Vec::new();
    let registry = crate::Repository::new(&key.registry, "").registry().to_owned();
    if let Some((name, address)) = file.config.helper(&registry) {
        let helper = Helper::new(name, &context.search, helper::timeout(context)?);
        if helper.erase(&address).map_err(|source| StoreError::Helper { source })? {
            found.push(Origin::Helper(helper.program()));
        }
    }
    if file.set(key, None) {
        file.write()?;
        if found.is_empty() {
            found.push(Origin::File(file.path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let key = |text: &str| text.parse::<LoginKey>().map(|key| key.to_string());
        for (text, expected) in [
            ("docker.io", "docker.io"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("registry.example:5000", "registry.example:5000"),
            ("http://[::1]:5000/v2/", "[::1]:5000"),
            ("quay.example/team/", "quay.example/team"),
        ] {
            assert_eq!(key(text), Ok(expected.to_owned()));
        }
        for text in ["", "/x", "user@host", "a b", "https://"] {
            assert!(key(text).is_err(), "{text}");
        }
    }
}
