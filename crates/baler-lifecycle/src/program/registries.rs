//! The registry client of a phase: credentials, authorities, proxies and insecure registries as the environment has them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baler_registry::{Client, Keychain, KeychainContext, KeychainError, Proxies, Settings};

use super::Context;
use super::failure::{Failure, code};
use crate::log::Log as _;

/// Where systems keep the authorities that they trust.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];

/// Makes the client. Files of the user are read now: later the phase may be another user.
pub(super) fn client(context: &Context<'_>) -> Result<Arc<Client>, Failure> {
    let settings = context.settings;
    let variable = |name: &str| settings.environment.get(name).map(|value| value.to_string_lossy().into_owned());
    let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let path = settings.environment.get("PATH").unwrap_or(OsStr::new(""));
    let keychain = |home: Option<&Path>| {
        let search = std::env::split_paths(path).collect();
        Keychain::from_context(&KeychainContext { variable: &variable, home, search })
    };
    let keychain = match keychain(home.as_deref()) {
        // Images start with the home directory of root, whoever they are started as.
        Err(KeychainError::Read { path, source }) if source.kind() == std::io::ErrorKind::PermissionDenied => {
            context.log.warn(&format!("Not using credentials in {}: it may not be read", path.display()));
            keychain(None)
        }
        keychain => keychain,
    };
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| Failure::new(code::FAILED, error).to("resolve keychain");
    let either = |lower: &str, upper: &str| variable(lower).or_else(|| variable(upper)).filter(|text| !text.is_empty());
    let client = Client::new(Settings {
        user_agent: format!("baler/{}", env!("CARGO_PKG_VERSION")),
        keychain: keychain.map_err(|error| failed(error.into()))?,
        authorities: authorities(variable("SSL_CERT_FILE").as_deref()),
        proxies: Proxies {
            http: either("http_proxy", "HTTP_PROXY").map(Into::into),
            https: either("https_proxy", "HTTPS_PROXY").map(Into::into),
            except: either("no_proxy", "NO_PROXY"),
        },
        insecure_registries: insecure(context),
        ..Settings::default()
    });
    client.map(Arc::new).map_err(|error| Failure::new(code::FAILED, error))
}

fn insecure(context: &Context<'_>) -> Vec<String> {
    let settings = context.settings;
    let flags = settings.parsed.list("insecure-registry");
    if !flags.is_empty() {
        return flags.iter().map(|flag| flag.to_string_lossy().into_owned()).collect();
    }
    let variable = settings.environment.get("CNB_INSECURE_REGISTRIES").unwrap_or_default().to_string_lossy();
    variable.split(',').filter(|registry| !registry.is_empty()).map(str::to_owned).collect()
}

/// The bundle that the user names, else the system's; without one, no registry is trusted.
fn authorities(named: Option<&str>) -> Vec<u8> {
    let named = named.filter(|path| !path.is_empty()).into_iter();
    named.chain(BUNDLES).find_map(|path| fs_err::read(Path::new(path)).ok()).unwrap_or_default()
}
