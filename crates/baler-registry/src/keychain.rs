//! Which credentials are used for a repository: `CNB_REGISTRY_AUTH`, then Docker's file with its helpers, then, where
//! Docker has no file, Podman's; else none.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use baler_image::Repository;

use crate::credentials::{Credentials, InvalidAuthorization, Origin};
use crate::docker_config::{DockerConfig, InvalidDockerConfig, normalised};
use crate::helper::{self, Helper, HelperError};
use crate::keychain_file;
use crate::messenger::Messenger;
use crate::seconds::InvalidSeconds;

/// What the keychain is made from, as the caller finds it.
pub struct KeychainContext<'a> {
    /// Gives an environment variable's value.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub home: Option<&'a Path>,
    /// Where helpers are looked for: the directories of `PATH`.
    pub search: Vec<PathBuf>,
}

/// Credentials by repository. They are looked up when a registry asks for them, and never before.
#[derive(Debug, Default)]
pub struct Keychain {
    /// For one registry, before all others.
    given: Option<(String, Credentials)>,
    from_variable: BTreeMap<String, Credentials>,
    file: Option<(PathBuf, DockerConfig)>,
    search: Vec<PathBuf>,
    helper_timeout: Duration,
    messenger: Messenger,
}

/// Credentials that a keychain would use, without what they are.
#[derive(Debug)]
pub struct Known {
    /// The registry, or repositories of it; `None`: all that are not named.
    pub registry: Option<String>,
    pub origin: Origin,
    /// Why they cannot be used.
    pub problem: Option<KeychainError>,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeychainError {
    #[error("CNB_REGISTRY_AUTH is not a JSON object of texts: column {column}")]
    Variable { column: usize },
    #[error("CNB_REGISTRY_AUTH has no usable value for '{registry}'")]
    VariableValue { registry: String, source: InvalidAuthorization },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is damaged", path.display())]
    File { path: PathBuf, source: InvalidDockerConfig },
    #[error(transparent)]
    Timeout(#[from] InvalidSeconds),
    #[error("could not ask the credential helper")]
    Helper { source: HelperError },
}

impl Known {
    fn new(registry: Option<impl AsRef<str>>, origin: Origin, problem: Option<KeychainError>) -> Self {
        Self { registry: registry.map(|registry| registry.as_ref().to_owned()), origin, problem }
    }
}

impl Keychain {
    /// No credentials at all.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// These credentials for this registry, and no others.
    pub fn given(registry: &str, credentials: Credentials) -> Self {
        let registry = Repository::new(registry, "").registry().to_owned();
        Self { given: Some((registry, credentials)), ..Self::default() }
    }

    /// The keychain of a user.
    pub fn from_context(context: &KeychainContext<'_>) -> Result<Self, KeychainError> {
        let from_variable = match (context.variable)("CNB_REGISTRY_AUTH") {
            Some(text) if !text.trim().is_empty() => parse_variable(&text)?,
            Some(_) | None => BTreeMap::new(),
        };
        let file = match keychain_file::read(context)? {
            Some((path, bytes)) => {
                let config = DockerConfig::parse(&bytes);
                Some((path.clone(), config.map_err(|source| KeychainError::File { path, source })?))
            }
            None => None,
        };
        let (search, helper_timeout) = (context.search.clone(), helper::timeout(context)?);
        Ok(Self { given: None, from_variable, file, search, helper_timeout, messenger: Messenger::default() })
    }

    /// Whether there are helpers that may be asked.
    pub fn has_helpers(&self) -> bool {
        self.file.as_ref().is_some_and(|(_, config)| config.helpers().next().is_some())
    }

    /// Has helpers asked by `messenger`.
    #[must_use]
    pub fn asking_by(self, messenger: Messenger) -> Self {
        Self { messenger, ..self }
    }

    /// All that is known without asking a helper, in the order in which it is looked at.
    pub fn known(&self) -> Vec<Known> {
        let variables = self.from_variable.keys();
        let mut known: Vec<Known> = variables.map(|host| Known::new(Some(host), Origin::Variable, None)).collect();
        let Some((path, config)) = &self.file else { return known };
        for (registry, name) in config.helpers() {
            let helper = Helper::new(name, &self.search, self.helper_timeout);
            let problem = helper.path().err().map(|source| KeychainError::Helper { source });
            known.push(Known::new(registry, Origin::Helper(helper.program()), problem));
        }
        for (registry, usable) in config.entries() {
            let problem = usable.err().map(|source| KeychainError::File { path: path.clone(), source });
            known.push(Known::new(Some(registry), Origin::File(path.clone()), problem));
        }
        known
    }

    /// The credentials for a repository, and where they come from.
    pub fn credentials(&self, repository: &Repository) -> Result<(Credentials, Option<Origin>), KeychainError> {
        if let Some((registry, credentials)) = &self.given
            && registry == repository.registry()
        {
            return Ok((credentials.clone(), Some(Origin::Given)));
        }
        if let Some(credentials) = self.from_variable.get(repository.registry()) {
            return Ok((credentials.clone(), Some(Origin::Variable)));
        }
        let Some((path, config)) = &self.file else { return Ok((Credentials::Anonymous, None)) };
        if let Some((name, address)) = config.helper(repository.registry()) {
            let helper = Helper::new(name, &self.search, self.helper_timeout);
            if let Some(found) =
                self.messenger.ask(&helper, address).map_err(|source| KeychainError::Helper { source })?
            {
                return Ok((found, Some(Origin::Helper(helper.program()))));
            }
        }
        let found = config.credentials(repository.registry(), repository.path());
        let found = found.map_err(|source| KeychainError::File { path: path.clone(), source })?;
        Ok(found.map_or((Credentials::Anonymous, None), |found| (found, Some(Origin::File(path.clone())))))
    }
}

/// `CNB_REGISTRY_AUTH` (Platform specification): a JSON object of registry to `Authorization` header.
fn parse_variable(text: &str) -> Result<BTreeMap<String, Credentials>, KeychainError> {
    let invalid = |error: serde_json::Error| KeychainError::Variable { column: error.column() };
    let values: BTreeMap<String, String> = serde_json::from_str(text).map_err(invalid)?;
    let entry = |(registry, value): (String, String)| {
        let host = normalised(&registry).split('/').next().unwrap_or_default();
        let host = if host == "docker.io" { "index.docker.io" } else { host }.to_owned();
        let credentials = Credentials::from_header(&value);
        Ok((host, credentials.map_err(|source| KeychainError::VariableValue { registry, source })?))
    };
    values.into_iter().map(entry).collect()
}
