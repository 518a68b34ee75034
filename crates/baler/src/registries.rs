//! How registries are reached, as the user and the system have it: credentials, certificate authorities, proxies.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use baler_platform::certificates::host_bundle;
use baler_platform::places::{Registries, RegistriesError};
use baler_registry::{Keychain, KeychainContext, Mirror, Proxies, RetryPolicy, Settings};

/// The registries, of which nothing is read until one is needed.
pub(crate) fn registries(
    variables: BTreeMap<String, String>,
    insecure: Vec<String>,
    mirrors: Vec<Mirror>,
    tries: Option<u32>,
) -> Registries {
    Registries::new(move || {
        let settings = settings(&variables, &insecure)?;
        let retries = RetryPolicy { tries: tries.unwrap_or(settings.retries.tries), ..settings.retries };
        Ok(Settings { retries, mirrors: mirrors.clone(), ..settings })
    })
}

fn settings(variables: &BTreeMap<String, String>, insecure: &[String]) -> Result<Settings, RegistriesError> {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    let either = |lower: &str, upper: &str| set(lower).or_else(|| set(upper)).cloned();
    let search = set("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let variable = |name: &str| variables.get(name).cloned();
    let home = set("HOME").map(Path::new);
    Ok(Settings {
        user_agent: concat!("baler/", env!("CARGO_PKG_VERSION")).to_owned(),
        keychain: Keychain::from_context(&KeychainContext { variable: &variable, home, search })?,
        authorities: authorities(set("SSL_CERT_FILE").map(Path::new), set("SSL_CERT_DIR").map(String::as_str))?,
        proxies: Proxies {
            http: either("http_proxy", "HTTP_PROXY").map(Into::into),
            https: either("https_proxy", "HTTPS_PROXY").map(Into::into),
            except: either("no_proxy", "NO_PROXY"),
        },
        insecure_registries: insecure.to_vec(),
        ..Settings::default()
    })
}

/// The bundle that `SSL_CERT_FILE` names, else the system's; and what is in the directories of `SSL_CERT_DIR`, which stands
/// for the system's where it is the only one that is set, as OpenSSL and Go have it.
fn authorities(file: Option<&Path>, directories: Option<&str>) -> Result<Vec<u8>, RegistriesError> {
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
fn certificates_of(directory: &Path) -> Result<Vec<PathBuf>, RegistriesError> {
    let failed = |source| RegistriesError::Authorities { path: directory.to_owned(), source };
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

fn read(path: &Path) -> Result<Vec<u8>, RegistriesError> {
    fs_err::read(path).map_err(|source| RegistriesError::Authorities { path: path.to_owned(), source })
}
