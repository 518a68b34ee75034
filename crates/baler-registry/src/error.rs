//! Why a registry did not do what it was asked for.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use baler_image::{Digest, Place, SinkError, SourceError};
use serde::Deserialize;

use crate::credentials::Origin;
use crate::keychain::KeychainError;
use crate::location::InvalidLocation;

/// What went wrong between us and a registry. `url` is printed without its secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    #[error("{url} does not exist")]
    NotFound { url: String, codes: Vec<ErrorCode> },
    /// `origin` is where the credentials came from that were not enough; none where nobody is logged in.
    #[error("{url}: access refused with status {status}{}", listed(codes))]
    Refused { url: String, status: u16, codes: Vec<ErrorCode>, origin: Option<Origin> },
    #[error("{url}: too many requests")]
    RateLimited { url: String, retry_after: Option<Duration> },
    #[error("{url} answered with status {status}{}", listed(codes))]
    Status { url: String, status: u16, codes: Vec<ErrorCode>, retry_after: Option<Duration> },
    #[error("host of {url} not found")]
    HostNotFound { url: String },
    /// The system's name servers say nothing, or that they do not know.
    #[error("could not look up the host of {url}: no name server answered")]
    NameServer { url: String },
    #[error("could not connect to {url}")]
    Connect { url: String, source: io::Error },
    #[error("no secure connection to {url}: {fault}")]
    Tls { url: String, fault: TlsFault },
    #[error("the proxy did not connect to {url}")]
    Proxy { url: String },
    /// `source` is what happened on the way to it.
    #[error("the proxy {proxy} cannot be reached")]
    ProxyOutOfReach { proxy: String, source: Box<Self> },
    #[error("could not use the certificates in {}", path.display())]
    Certificates { path: PathBuf, source: Arc<io::Error> },
    #[error("{url} did not answer in time")]
    TimedOut { url: String },
    #[error("the connection to {url} broke")]
    Broken { url: String, source: io::Error },
    #[error("{url} sent more than {limit} bytes")]
    TooLarge { url: String, limit: u64 },
    #[error("{url} ended after {received} of {expected} bytes")]
    Truncated { url: String, received: u64, expected: u64 },
    #[error("{url} sent bytes with the digest {found} instead of {expected}")]
    WrongDigest { url: String, expected: Digest, found: Digest },
    /// A captive portal, or a proxy that speaks for a registry.
    #[error("{url} did not answer with a JSON document")]
    NotADocument { url: String },
    /// All tries failed; `source` is why the last did.
    #[error("gave up after {tries} tries")]
    GaveUp { tries: u32, source: Box<Self> },
    /// The registry wants a token, and the server that it names gave none.
    #[error("could not get a token for {registry}")]
    Token { registry: String, source: Box<Self> },
    #[error("{url} did not answer by the rules of the protocol: {reason}")]
    Protocol { url: String, reason: &'static str },
    #[error("{url} leads nowhere")]
    Redirect { url: String, source: InvalidLocation },
    #[error("{url} would send credentials without protection")]
    Unprotected { url: String },
    #[error("could not get credentials for {registry}")]
    Credentials { registry: String, source: KeychainError },
    #[error("the client could not be set up: {reason}")]
    Settings { reason: &'static str },
}

/// What is wrong with the other side's TLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    #[error("its certificate is from an authority that is not trusted")]
    UnknownAuthority,
    /// The certificate has other names, these as far as they can be printed.
    #[error("its certificate is for another host{}", hosts(has))]
    WrongHost { has: Vec<String> },
    #[error("its certificate has expired or is not valid yet")]
    OutOfDate,
    #[error("it takes only those who show a certificate, and did not take ours")]
    OwnCertificate,
    #[error("it does not speak TLS")]
    NotTls,
    #[error("the handshake failed")]
    Other,
}

/// An error code of the distribution specification ("Error Codes").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub String);

/// Reads the codes of an error's body; what is no such body has none.
pub(crate) fn error_codes(body: &[u8]) -> Vec<ErrorCode> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        errors: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        code: Option<String>,
    }
    let Ok(body) = serde_json::from_slice::<Body>(body) else { return Vec::new() };
    // A code goes to a terminal: only what the specification allows in one.
    let is_code =
        |code: &String| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    body.errors.into_iter().filter_map(|entry| entry.code).filter(is_code).take(8).map(ErrorCode).collect()
}

fn hosts(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(", {}", names.join(" or ")) }
}

fn listed(codes: &[ErrorCode]) -> String {
    let names: Vec<&str> = codes.iter().map(|code| code.0.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

impl RegistryError {
    /// Whether the same request may do better a little later, if it is one that may be made twice.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            // In the time that is given to connect, the system has tried it more than once.
            Self::Connect { source, .. } => source.kind() != io::ErrorKind::TimedOut,
            Self::RateLimited { .. }
            | Self::TimedOut { .. }
            | Self::Broken { .. }
            | Self::Truncated { .. }
            | Self::NotADocument { .. }
            | Self::WrongDigest { .. } => true,
            Self::Status { status, .. } => crate::retry::is_passing(*status),
            Self::ProxyOutOfReach { source, .. } => source.is_passing(),
            Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::HostNotFound { .. }
            // The system has tried it more than once.
            | Self::NameServer { .. }
            | Self::Tls { .. }
            | Self::TooLarge { .. }
            | Self::Protocol { .. }
            | Self::Redirect { .. }
            | Self::Unprotected { .. }
            | Self::Credentials { .. }
            | Self::GaveUp { .. }
            | Self::Token { .. }
            | Self::Proxy { .. }
            | Self::Certificates { .. }
            | Self::Settings { .. } => false,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The host that was talked to, with its port.
    pub fn host(&self) -> Option<&str> {
        let url = match self {
            Self::GaveUp { source, .. } | Self::ProxyOutOfReach { source, .. } => return source.host(),
            Self::Token { registry, .. } | Self::Credentials { registry, .. } => return Some(registry),
            Self::NotFound { url, .. }
            | Self::Refused { url, .. }
            | Self::RateLimited { url, .. }
            | Self::Status { url, .. }
            | Self::HostNotFound { url }
            | Self::NameServer { url }
            | Self::Connect { url, .. }
            | Self::Tls { url, .. }
            | Self::Proxy { url }
            | Self::TimedOut { url }
            | Self::Broken { url, .. }
            | Self::TooLarge { url, .. }
            | Self::Truncated { url, .. }
            | Self::WrongDigest { url, .. }
            | Self::NotADocument { url }
            | Self::Protocol { url, .. }
            | Self::Redirect { url, .. }
            | Self::Unprotected { url } => url,
            Self::Certificates { .. } | Self::Settings { .. } => return None,
        };
        url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).split('/').next()
    }

    /// The status of an answer that is no success.
    pub fn status(&self) -> Option<u16> {
        match self.root() {
            Self::NotFound { .. } => Some(404),
            Self::RateLimited { .. } => Some(429),
            Self::Refused { status, .. } | Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether there is nobody to talk to.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        matches!(
            self.root(),
            Self::HostNotFound { .. }
                | Self::NameServer { .. }
                | Self::Connect { .. }
                | Self::Tls { .. }
                | Self::ProxyOutOfReach { .. }
                | Self::TimedOut { .. }
        )
    }

    /// The error itself, and how often it was tried.
    pub(crate) fn at_last(self) -> (Self, u32) {
        match self {
            Self::GaveUp { tries, source } => (*source, tries),
            error => (error, 1),
        }
    }

    /// The error that says what happened: without the words on tries and tokens around it.
    pub fn root(&self) -> &Self {
        match self {
            Self::GaveUp { source, .. } | Self::Token { source, .. } => source.root(),
            error => error,
        }
    }

    fn group(&self) -> Group {
        match self.root() {
            Self::Refused { .. } | Self::Unprotected { .. } | Self::Credentials { .. } => Group::Refused,
            Self::RateLimited { retry_after, .. } => Group::RateLimited(*retry_after),
            Self::HostNotFound { .. }
            | Self::NameServer { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Proxy { .. }
            | Self::ProxyOutOfReach { .. }
            | Self::TimedOut { .. }
            | Self::Broken { .. } => Group::Unreachable,
            Self::NotFound { .. }
            | Self::Status { .. }
            | Self::TooLarge { .. }
            | Self::Truncated { .. }
            | Self::WrongDigest { .. }
            | Self::NotADocument { .. }
            | Self::GaveUp { .. }
            | Self::Token { .. }
            | Self::Protocol { .. }
            | Self::Redirect { .. }
            | Self::Certificates { .. }
            | Self::Settings { .. } => Group::Failed,
        }
    }

    pub(crate) fn into_source_error(self, place: Place) -> SourceError {
        let group = self.group();
        let source = Box::new(self);
        match group {
            Group::Refused => SourceError::Refused { place, source },
            Group::RateLimited(retry_after) => SourceError::RateLimited { place, retry_after, source },
            Group::Unreachable => SourceError::Unreachable { place, source },
            Group::Failed => SourceError::Failed { place, source },
        }
    }

    pub(crate) fn into_sink_error(self, place: Place) -> SinkError {
        let group = self.group();
        let source = Box::new(self);
        match group {
            Group::Refused => SinkError::Refused { place, source },
            Group::RateLimited(retry_after) => SinkError::RateLimited { place, retry_after, source },
            Group::Unreachable => SinkError::Unreachable { place, source },
            Group::Failed => SinkError::Failed { place, source },
        }
    }
}

/// What the callers of sources and sinks tell apart.
enum Group {
    Refused,
    RateLimited(Option<Duration>),
    Unreachable,
    Failed,
}
