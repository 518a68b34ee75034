//! How registries are reached, as the user and the system have it: credentials, certificate authorities, proxies.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use baler_platform::certificates::host_bundle;
use baler_platform::output::{Level, Output as _};
use baler_platform::places::{Registries, RegistriesError};
use baler_registry::{Keychain, KeychainContext, Listener, Mirror, Proxies, RetryPolicy, Settings};

use crate::output::Console;

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

/// How registries are reached.
pub(crate) fn settings(variables: &BTreeMap<String, String>, insecure: &[String]) -> Result<Settings, RegistriesError> {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    let either = |lower: &str, upper: &str| set(lower).or_else(|| set(upper)).cloned();
    Ok(Settings {
        user_agent: concat!("baler/", env!("CARGO_PKG_VERSION")).to_owned(),
        keychain: with_keychain(variables, Keychain::from_context)?,
        authorities: authorities(set("SSL_CERT_FILE").map(Path::new), set("SSL_CERT_DIR").map(String::as_str))?,
        certificate_directories: certificate_directories(variables),
        proxies: Proxies {
            http: either("http_proxy", "HTTP_PROXY").map(Into::into),
            https: either("https_proxy", "HTTPS_PROXY").map(Into::into),
            except: either("no_proxy", "NO_PROXY"),
        },
        insecure_registries: insecure.to_vec(),
        listener: LISTENER.get().cloned().unwrap_or_default(),
        ..Settings::default()
    })
}

/// Who hears of retries and of mirrors that do not answer.
static LISTENER: OnceLock<Listener> = OnceLock::new();

/// Has what happens on the way to registries told to `console`, where more is to be said.
pub(crate) fn tell(console: &'static Console) {
    // Only the first console is one.
    let _ = LISTENER.set(Listener::new(|event| console.line(Level::Debug, &event.to_string())));
}

/// Does something with what credentials are found by.
pub(crate) fn with_keychain<T>(variables: &BTreeMap<String, String>, act: impl FnOnce(&KeychainContext<'_>) -> T) -> T {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    let search = set("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let variable = |name: &str| variables.get(name).cloned();
    act(&KeychainContext { variable: &variable, home: set("HOME").map(Path::new), search })
}

/// Where Docker and Podman look for certificates of single registries, the user's own last.
fn certificate_directories(variables: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let home = variables.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let of_home = [".config/docker/certs.d", ".docker/certs.d", ".config/containers/certs.d"];
    let of_home = of_home.into_iter().filter_map(|path| Some(home.as_ref()?.join(path)));
    ["/etc/docker/certs.d", "/etc/containers/certs.d"].into_iter().map(PathBuf::from).chain(of_home).collect()
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
