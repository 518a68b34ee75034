//! Docker's contexts: `~/.docker/contexts/meta/<sha256 of the name>/meta.json`, and certificates beside, in `tls`.

use std::io;
use std::path::{Path, PathBuf};

use baler_image::Digest;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::address::{Address, AddressError, Surroundings, TlsFiles};

/// The context that has no file: what `DOCKER_HOST` says, or Docker's own socket.
const DEFAULT: &str = "default";

/// A context could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    #[error("there is no context '{name}' below {}", directory.display())]
    Absent { name: String, directory: PathBuf },
    #[error("context '{name}' says nothing of a Docker daemon")]
    NoEndpoint { name: String },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not parse {}", path.display())]
    Malformed { path: PathBuf, source: serde_json::Error },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    current_context: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// The address that the current context has; nothing where there is no context, or the one of the default.
pub(crate) fn current(surroundings: &Surroundings<'_>) -> Result<Option<Result<Address, AddressError>>, ContextError> {
    let Some(config) = surroundings.docker_config() else { return Ok(None) };
    let configured = || Ok(read::<Config>(&config.join("config.json"))?.map(|config| config.current_context));
    let name = surroundings.get("DOCKER_CONTEXT").map_or_else(configured, |name| Ok(Some(name)))?;
    match name.as_deref() {
        None | Some("" | DEFAULT) => Ok(None),
        Some(name) => address(&config.join("contexts"), name).map(Some),
    }
}

fn address(contexts: &Path, name: &str) -> Result<Result<Address, AddressError>, ContextError> {
    let hex = directory_name(name);
    let meta: Option<Meta> = read(&contexts.join("meta").join(&hex).join("meta.json"))?;
    let meta = meta.ok_or_else(|| ContextError::Absent { name: name.to_owned(), directory: contexts.to_owned() })?;
    let no_endpoint = || ContextError::NoEndpoint { name: name.to_owned() };
    let endpoint = meta.endpoints.docker.filter(|endpoint| !endpoint.host.is_empty()).ok_or_else(no_endpoint)?;
    let files = contexts.join("tls").join(hex).join("docker");
    let tls = files.is_dir().then(|| TlsFiles::in_directory(&files, !endpoint.skip_tls_verify));
    Ok(Address::parse(&endpoint.host, tls))
}

/// What the directory of a context is called.
pub(crate) fn directory_name(context: &str) -> String {
    Digest::of(context.as_bytes()).hex().to_owned()
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ContextError> {
    let bytes = match fs_err::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ContextError::Read { path: path.to_owned(), source }),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|source| ContextError::Malformed { path: path.to_owned(), source })
}
