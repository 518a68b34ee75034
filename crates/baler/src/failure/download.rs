//! What it means that a file of the web cannot be had, and what to do without it.

use baler_platform::builder::LifecycleError;
use baler_platform::modules::DownloadError;
use baler_registry::{RegistryError, TlsFault};

use super::{find, registry};

/// What helps.
pub(super) fn hints(error: &anyhow::Error) -> Vec<String> {
    let release = match find(error) {
        Some(LifecycleError::Release { own, .. }) => Some(*own),
        _ => None,
    };
    let cause = match find(error) {
        Some(DownloadError::Status { status: 404 | 410, .. }) if release.is_some() => {
            Some("https://github.com/buildpacks/lifecycle/releases lists the versions that there are".to_owned())
        }
        Some(DownloadError::Status { status, .. }) => Some(of_status(*status).to_owned()),
        Some(DownloadError::Unreachable { source, .. }) => of_way(source),
        Some(DownloadError::Address { .. }) => {
            return vec!["an address is https://HOST/PATH; USER:PASSWORD@ may stand before the host".to_owned()];
        }
        _ => return Vec::new(),
    };
    let instead = match release {
        Some(own) => format!(
            "leave 'version' out for this program's own lifecycle, {own}, or name an archive or a mirror of it with [lifecycle] uri"
        ),
        None => "fetched in another way, it can be named as a file".to_owned(),
    };
    cause.into_iter().chain([instead]).collect()
}

fn of_status(status: u16) -> &'static str {
    match status {
        401 | 403 => "not everybody gets it: USER:PASSWORD@ before the host says who asks",
        429 => "the server is asked too often: try again later",
        408 | 500.. => "the server, or a proxy before it, is at fault: try again later",
        _ => "is the address right?",
    }
}

fn of_way(error: &RegistryError) -> Option<String> {
    let root = error.root();
    let host = root.host().unwrap_or("the server");
    let of_server = || match root {
        RegistryError::Connect { .. } => {
            Some(format!("does a server run at {host}? A firewall, or a proxy that must be named with https_proxy?"))
        }
        RegistryError::Tls { fault: TlsFault::UnknownAuthority, .. } => {
            Some("name its authority's certificate with SSL_CERT_FILE".to_owned())
        }
        RegistryError::TimedOut { .. } | RegistryError::Broken { .. } | RegistryError::Truncated { .. } => {
            Some("the network or the server is at fault: try again".to_owned())
        }
        _ => None,
    };
    registry::way_hint(root, host).or_else(of_server)
}
