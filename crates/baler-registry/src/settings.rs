//! What the client is told by its caller: it asks neither the environment nor files of the user.

use std::path::PathBuf;
use std::time::Duration;

use crate::event::Listener;
use crate::keychain::Keychain;
use crate::retry::RetryPolicy;

/// How registries are reached.
#[derive(Debug)]
pub struct Settings {
    /// Sent as `User-Agent`.
    pub user_agent: String,
    pub keychain: Keychain,
    /// The authorities that are trusted, as PEM: the host's bundle, or what `SSL_CERT_FILE` names.
    pub authorities: Vec<u8>,
    /// Directories such as `/etc/docker/certs.d`: what they have for a host is added for that one.
    pub certificate_directories: Vec<PathBuf>,
    pub proxies: Proxies,
    /// Registries whose certificates are not verified, and which may do without TLS.
    pub insecure_registries: Vec<String>,
    /// Asked in this order before the registry itself.
    pub mirrors: Vec<Mirror>,
    pub retries: RetryPolicy,
    /// To connect, TLS included.
    pub connect_timeout: Duration,
    /// Without a byte sent or received. A head that trickles in has twice as long.
    pub stall_timeout: Duration,
    /// For so long without an answer nothing is said of it.
    pub patience: Duration,
    /// How many requests one registry gets at the same time.
    pub requests_at_once: usize,
    pub listener: Listener,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: "baler".to_owned(),
            keychain: Keychain::anonymous(),
            authorities: Vec::new(),
            certificate_directories: Vec::new(),
            proxies: Proxies::default(),
            insecure_registries: Vec::new(),
            mirrors: Vec::new(),
            retries: RetryPolicy::default(),
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_mins(1),
            patience: Duration::from_secs(10),
            requests_at_once: 8,
            listener: Listener::default(),
        }
    }
}

/// Another registry that is asked first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The registry that it stands for; `*` is every one.
    pub registry: String,
    /// The mirror's host, and a path before the repository's where it has one.
    pub mirror: String,
}

/// The values of `http_proxy`, `https_proxy` and `no_proxy`.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    pub http: Option<crate::Secret>,
    pub https: Option<crate::Secret>,
    pub except: Option<String>,
}
