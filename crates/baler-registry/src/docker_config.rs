//! Docker's `config.json` and Podman's `auth.json`: the entries about credentials.
//!
//! Everything else in them is passed over. An entry that cannot be read is an error only when it is asked for.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::credentials::Credentials;
use crate::secret::Secret;

/// Docker Hub's entry, from before registries had names.
pub(crate) const HUB_KEY: &str = "https://index.docker.io/v1/";
pub(crate) const HUB: [&str; 3] = ["index.docker.io", "docker.io", "registry-1.docker.io"];

/// The credentials and helpers of one file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DockerConfig {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<Hidden>,
    username: Option<String>,
    password: Option<Hidden>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<Hidden>,
    #[serde(rename = "registrytoken")]
    registry_token: Option<Hidden>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
struct Hidden(Secret);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// A file of credentials that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDockerConfig {
    #[error("not a file of credentials: line {line}, column {column}")]
    Json { line: usize, column: usize },
    #[error("the entry '{key}' has no base64 of user:password")]
    Entry { key: String },
}

impl DockerConfig {
    /// Reads a file's bytes. The parser's own words are dropped, since they may quote a password.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidDockerConfig> {
        let json = |error: serde_json::Error| InvalidDockerConfig::Json { line: error.line(), column: error.column() };
        serde_json::from_slice(bytes).map_err(json)
    }

    /// The helper that is asked for a registry: its own, else the general store. With it, the address it knows it by.
    pub fn helper(&self, registry: &str) -> Option<(&str, String)> {
        let is_hub = HUB.contains(&registry);
        let own =
            if is_hub { self.cred_helpers.iter().find(|(key, _)| is_hub_key(key)).map(|(_, name)| name) } else { None };
        let own = own.or_else(|| self.cred_helpers.get(registry));
        let name = own.or(self.creds_store.as_ref()).filter(|name| !name.is_empty())?;
        Some((name, if is_hub { HUB_KEY.to_owned() } else { registry.to_owned() }))
    }

    /// The helpers of single registries, and the one of all others.
    pub(crate) fn helpers(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let own = self.cred_helpers.iter().map(|(registry, name)| (Some(normalised(registry)), name.as_str()));
        let general = self.creds_store.as_deref().map(|name| (None, name));
        own.chain(general).filter(|(_, name)| !name.is_empty())
    }

    /// The registries and repositories with an entry, and whether it can be read.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, Result<(), InvalidDockerConfig>)> {
        self.auths.iter().filter_map(|(key, entry)| {
            let usable = entry.credentials(key).transpose()?;
            Some((normalised(key), usable.map(drop)))
        })
    }

    /// The entry for a repository: that of the longest path that leads to it, down to the registry alone.
    pub fn credentials(&self, registry: &str, repository: &str) -> Result<Option<Credentials>, InvalidDockerConfig> {
        let mut key = format!("{registry}/{repository}");
        loop {
            let at_registry = !key.contains('/');
            let fits = |(name, _): &(&String, &Entry)| {
                normalised(name) == key || (at_registry && HUB.contains(&registry) && is_hub_key(name))
            };
            if let Some((name, entry)) = self.auths.iter().find(fits)
                && let Some(credentials) = entry.credentials(name)?
            {
                return Ok(Some(credentials));
            }
            let Some(slash) = key.rfind('/') else { return Ok(None) };
            key.truncate(slash);
        }
    }
}

impl Entry {
    /// `None` where the entry is there but empty, as it is beside a helper.
    fn credentials(&self, key: &str) -> Result<Option<Credentials>, InvalidDockerConfig> {
        let given = |secret: &Option<Hidden>| {
            secret.as_ref().map(|hidden| &hidden.0).filter(|secret| !secret.is_empty()).cloned()
        };
        if let Some(token) = given(&self.identity_token) {
            return Ok(Some(Credentials::Identity(token)));
        }
        if let Some(token) = given(&self.registry_token) {
            return Ok(Some(Credentials::Bearer(token)));
        }
        if let Some(auth) = given(&self.auth) {
            let pair = Credentials::from_pair(auth.reveal());
            return pair.map(Some).ok_or_else(|| InvalidDockerConfig::Entry { key: key.to_owned() });
        }
        match (self.username.clone(), given(&self.password)) {
            (Some(username), Some(password)) => Ok(Some(Credentials::Basic { username, password })),
            _ => Ok(None),
        }
    }
}

/// A key without scheme, version path and final slash.
pub(crate) fn normalised(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

fn is_hub_key(key: &str) -> bool {
    HUB.contains(&normalised(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = br#"{
        "auths": {
            "https://index.docker.io/v1/": {"auth": "aHViOnB3"},
            "registry.example": {"auth": "dTpwOnE="},
            "registry.example/team": {"username": "team", "password": "pw"},
            "id.example": {"auth": "AAAA", "identitytoken": "refresh"},
            "empty.example": {},
            "bad.example": {"auth": "%"}
        },
        "credHelpers": {"help.example": "own"}, "credsStore": "", "HttpHeaders": {"a": 1}
    }"#;

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic { username: username.to_owned(), password: password.into() }
    }

    #[test]
    fn finds_entries() {
        let config = DockerConfig::parse(FILE).unwrap();
        let find = |registry, repository| config.credentials(registry, repository).unwrap();
        assert_eq!(find("index.docker.io", "library/ubuntu"), Some(basic("hub", "pw")));
        assert_eq!(find("registry.example", "other/app"), Some(basic("u", "p:q")));
        assert_eq!(find("registry.example", "team/app"), Some(basic("team", "pw")));
        assert_eq!(find("registry.example", "teamwork/app"), Some(basic("u", "p:q")));
        assert_eq!(find("id.example", "x"), Some(Credentials::Identity("refresh".into())));
        assert_eq!(find("empty.example", "x"), None);
        assert_eq!(find("unknown.example", "x"), None);
        assert!(
            matches!(config.credentials("bad.example", "x"), Err(InvalidDockerConfig::Entry { key }) if key == "bad.example")
        );
        assert_eq!(config.helper("help.example"), Some(("own", "help.example".to_owned())));
        assert_eq!(config.helper("registry.example"), None);
        assert!(!format!("{config:?}").contains("aHViOnB3"));
    }

    #[test]
    fn refuses_what_is_no_file() {
        for bytes in [&b""[..], b"[", b"{\"auths\": 1}", b"{\"auths\": {\"x\": {\"auth\": 5}}}", b"\xff"] {
            assert!(DockerConfig::parse(bytes).is_err());
        }
        assert!(DockerConfig::parse(b"{}").unwrap().helper("x").is_none());
    }
}
