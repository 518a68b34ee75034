//! Registries as a user and a system have them: credentials, authorities, certificates of single registries, proxies. Each
//! program makes its settings here, so that all of them reach a registry in the same way.

use std::io;
use std::path::{Path, PathBuf};

use crate::keychain::{Keychain, KeychainContext, KeychainError};
use crate::seconds::{InvalidSeconds, seconds};
use crate::settings::{Proxies, Settings};

/// Where distributions keep the authorities that they trust.
const HOST_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];
/// Where Docker and Podman look for certificates of single registries: those of the system, and below the home directory.
const CERTIFICATE_DIRECTORIES: [&str; 2] = ["/etc/docker/certs.d", "/etc/containers/certs.d"];
const OWN_CERTIFICATE_DIRECTORIES: [&str; 3] =
    [".config/docker/certs.d", ".docker/certs.d", ".config/containers/certs.d"];

/// How long a registry may send nothing.
const TIMEOUT: &str = "BALER_REGISTRY_TIMEOUT";

/// Why it cannot be said how registries are reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    #[error("could not read the credentials for registries")]
    Keychain(#[from] KeychainError),
    #[error("could not read the certificate authorities of {}", path.display())]
    Authorities { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Timeout(#[from] InvalidSeconds),
}

impl Settings {
    /// What the variables and the files that they name say. The variables are `SSL_CERT_FILE`, `SSL_CERT_DIR`,
    /// `http_proxy`, `https_proxy` and `no_proxy` in both spellings, those of the keychain, and `BALER_REGISTRY_TIMEOUT`:
    /// for how many seconds a registry may be silent.
    pub fn of_surroundings(surroundings: &KeychainContext<'_>) -> Result<Self, SettingsError> {
        let set = |name: &str| (surroundings.variable)(name).filter(|value| !value.is_empty());
        let either = |lower: &str, upper: &str| set(lower).or_else(|| set(upper));
        let (file, directories) = (set("SSL_CERT_FILE"), set("SSL_CERT_DIR"));
        let own = Self::default();
        let stall_timeout = seconds(surroundings, TIMEOUT)?.unwrap_or(own.stall_timeout);
        Ok(Self {
            connect_timeout: own.connect_timeout.min(stall_timeout),
            stall_timeout,
            patience: own.patience.min(stall_timeout / 2),
            user_agent: concat!("baler/", env!("CARGO_PKG_VERSION")).to_owned(),
            keychain: Keychain::from_context(surroundings)?,
            authorities: authorities(file.as_deref().map(Path::new), directories.as_deref())?,
            certificate_directories: certificate_directories(surroundings.home),
            proxies: Proxies {
                http: either("http_proxy", "HTTP_PROXY").map(Into::into),
                https: either("https_proxy", "HTTPS_PROXY").map(Into::into),
                except: either("no_proxy", "NO_PROXY"),
            },
            ..own
        })
    }
}

/// The host's bundle: the one that a variable names, else where distributions keep it.
pub fn host_bundle(variable: Option<&Path>) -> Option<PathBuf> {
    let known = HOST_BUNDLES.iter().map(Path::new);
    variable.into_iter().chain(known).find(|path| path.is_file()).map(Path::to_owned)
}

/// Those of the system, the user's own last.
fn certificate_directories(home: Option<&Path>) -> Vec<PathBuf> {
    let own = OWN_CERTIFICATE_DIRECTORIES.into_iter().filter_map(|path| Some(home?.join(path)));
    CERTIFICATE_DIRECTORIES.into_iter().map(PathBuf::from).chain(own).collect()
}

/// The bundle that `SSL_CERT_FILE` names, else the system's; and what is in the directories of `SSL_CERT_DIR`, which stands
/// for the system's where it is the only one that is set, as OpenSSL and Go have it.
fn authorities(file: Option<&Path>, directories: Option<&str>) -> Result<Vec<u8>, SettingsError> {
    let bundle = match (file, directories) {
        (Some(path), _) => Some(path.to_owned()),
        (None, Some(_)) => None,
        (None, None) => host_bundle(None),
    };
    let mut pem = match bundle {
        Some(path) => read(&path)?,
        None => Vec::new(),
    };
    for directory in directories.map(std::env::split_paths).into_iter().flatten() {
        for path in certificates_of(&directory)? {
            pem.push(b'\n');
            pem.extend(read(&path)?);
        }
    }
    Ok(pem)
}

/// The files of a directory that may hold certificates: all of them, as Go has it.
fn certificates_of(directory: &Path) -> Result<Vec<PathBuf>, SettingsError> {
    let failed = |source| SettingsError::Authorities { path: directory.to_owned(), source };
    let entries = match fs_err::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Vec<u8>, SettingsError> {
    fs_err::read(path).map_err(|source| SettingsError::Authorities { path: path.to_owned(), source })
}
