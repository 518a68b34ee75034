//! One request and its answer over HTTP: connections, redirects, and what each fault is called.
//!
//! Authorisation goes to the server that it is meant for; a redirect to another loses it.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{HeaderMap, Method, Request};
use ureq::{Agent, Body, Proxy};

use crate::error::{RegistryError, TlsFault, error_codes};
use crate::location::Location;
use crate::secret::Secret;
use crate::settings::{Proxies, Settings};
use crate::tls;

const MAXIMUM_REDIRECTS: usize = 5;
/// What is read of an error's body.
const ERROR_BODY: u64 = 64 * 1024;

/// What is sent with a request. All of it can be sent again.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    Nothing,
    Bytes(&'a [u8]),
}

/// A request.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content: Content<'a>,
}

impl Ask<'_> {
    pub(crate) fn new(method: Method) -> Self {
        Self { method, headers: Vec::new(), content: Content::Nothing }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// An answer whose status is one of success, or that the caller must look at: 401 and 404 are errors only later.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Where it came from, after redirects.
    pub(crate) location: Location,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The whole body, which must not be longer than `limit` nor shorter than was said.
    pub(crate) fn bytes(self, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let (expected, url) = (self.length(), self.location.to_string());
        let mut bytes = Vec::new();
        let mut reader = self.body.into_reader().take(limit + 1);
        reader.read_to_end(&mut bytes).map_err(|error| broken(url.clone(), error))?;
        let received = bytes.len() as u64;
        if received > limit {
            return Err(RegistryError::TooLarge { url, limit });
        }
        match expected {
            Some(expected) if expected != received => Err(RegistryError::Truncated { url, received, expected }),
            Some(_) | None => Ok(bytes),
        }
    }

    /// The error that a status without success is.
    pub(crate) fn into_error(self) -> RegistryError {
        let (url, status) = (self.location.to_string(), self.status);
        let retry_after = self.header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let mut body = Vec::new();
        // What of the body could be read tells the codes; the status tells the rest.
        let _ = self.body.into_reader().take(ERROR_BODY).read_to_end(&mut body);
        let codes = error_codes(&body);
        match status {
            404 => RegistryError::NotFound { url, codes },
            401 | 403 => RegistryError::Refused { url, status, codes, origin: None },
            429 => RegistryError::RateLimited { url, retry_after },
            _ => RegistryError::Status { url, status, codes },
        }
    }
}

/// Connections: to servers that are verified, and to those that are not.
pub(crate) struct Transport {
    verified: Agents,
    unverified: Agents,
}

/// A proxy is one of the scheme that it stands for.
struct Agents {
    plain: Agent,
    secure: Agent,
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, RegistryError> {
        let roots = tls::authorities(&settings.authorities)?;
        let agents = |is_verified| {
            let agent = |proxy: Option<&Secret>| -> Result<Agent, RegistryError> {
                let config = Agent::config_builder()
                    .tls_config(tls::config(roots.clone(), is_verified))
                    .proxy(proxy.map(|proxy| through(proxy, &settings.proxies)).transpose()?)
                    .user_agent(settings.user_agent.as_str())
                    .accept_encoding("")
                    .http_status_as_error(false)
                    .max_redirects(0)
                    .timeout_connect(Some(settings.connect_timeout))
                    .timeout_recv_response(Some(settings.stall_timeout * 2))
                    .timeout_per_read(Some(settings.stall_timeout))
                    .timeout_per_write(Some(settings.stall_timeout));
                Ok(config.build().into())
            };
            let proxies = &settings.proxies;
            Ok::<_, RegistryError>(Agents {
                plain: agent(proxies.http.as_ref())?,
                secure: agent(proxies.https.as_ref())?,
            })
        };
        Ok(Self { verified: agents(true)?, unverified: agents(false)? })
    }

    /// Asks, and follows redirects. `authorization` is for the server of `location` alone.
    pub(crate) fn send(&self, location: &Location, ask: &Ask<'_>, route: Route<'_>) -> Result<Answer, RegistryError> {
        let mut at = location.clone();
        for _ in 0..=MAXIMUM_REDIRECTS {
            let is_home = at.is_same_server(location);
            let agents = if is_home && !route.is_verified { &self.unverified } else { &self.verified };
            let answer = agents.once(&at, ask, route.authorization.filter(|_| is_home))?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let invalid = |source| RegistryError::Redirect { url: at.to_string(), source };
            let next = at.join(answer.header("location").unwrap_or_default()).map_err(invalid)?;
            if at.is_secure() && !next.is_secure() && route.is_verified {
                return Err(RegistryError::Unprotected { url: next.to_string() });
            }
            at = next;
        }
        Err(RegistryError::Protocol { url: location.to_string(), reason: "it redirects without end" })
    }
}

/// With which right, and whether the server's certificate is verified.
#[derive(Clone, Copy)]
pub(crate) struct Route<'a> {
    pub(crate) authorization: Option<&'a Secret>,
    pub(crate) is_verified: bool,
}

impl Agents {
    fn once(&self, at: &Location, ask: &Ask<'_>, authorization: Option<&Secret>) -> Result<Answer, RegistryError> {
        let mut request = Request::builder().method(ask.method.clone()).uri(at.reveal());
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization.reveal());
        }
        let agent = if at.is_secure() { &self.secure } else { &self.plain };
        let invalid = |_| RegistryError::Protocol { url: at.to_string(), reason: "the request cannot be written" };
        let result = if matches!(ask.method, Method::POST | Method::PUT | Method::PATCH) {
            let bytes: &[u8] = match ask.content {
                Content::Nothing => &[],
                Content::Bytes(bytes) => bytes,
            };
            agent.run(request.header("content-length", bytes.len()).body(bytes).map_err(invalid)?)
        } else {
            agent.run(request.body(()).map_err(invalid)?)
        };
        let (parts, body) = result.map_err(|error| classify(at, error))?.into_parts();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, location: at.clone() })
    }
}

fn through(proxy: &Secret, proxies: &Proxies) -> Result<Proxy, RegistryError> {
    let invalid = |_| RegistryError::Settings { reason: "a proxy's address cannot be read" };
    let proxy = Proxy::new(proxy.reveal()).map_err(invalid)?;
    let mut builder = Proxy::builder(proxy.protocol()).host(proxy.host()).port(proxy.port());
    if let Some(username) = proxy.username() {
        builder = builder.username(username);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    for host in proxies.except.iter().flat_map(|hosts| hosts.split(',')).map(str::trim).filter(|host| !host.is_empty())
    {
        builder = builder.no_proxy(host);
    }
    builder.build().map_err(invalid)
}

fn classify(at: &Location, error: ureq::Error) -> RegistryError {
    let url = at.to_string();
    match error {
        ureq::Error::HostNotFound => RegistryError::HostNotFound { url },
        ureq::Error::Timeout(_) => RegistryError::TimedOut { url },
        ureq::Error::Rustls(error) => RegistryError::Tls { url, fault: tls::fault(&error) },
        ureq::Error::Tls(_) => RegistryError::Tls { url, fault: TlsFault::Other },
        ureq::Error::ConnectionFailed => RegistryError::Connect { url, source: io::ErrorKind::NotConnected.into() },
        ureq::Error::Io(error) => broken(url, error),
        // A server that ends in the middle of its headers.
        ureq::Error::Protocol(error) => RegistryError::Broken { url, source: io::Error::other(error) },
        other => RegistryError::Broken { url, source: io::Error::other(other) },
    }
}

/// An I/O error by what is inside it.
pub(crate) fn broken(url: String, error: io::Error) -> RegistryError {
    use io::ErrorKind as Kind;
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return RegistryError::Tls { url, fault: tls::fault(inner) };
    }
    if let Some(ureq::Error::Timeout(_)) = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        return RegistryError::TimedOut { url };
    }
    match error.kind() {
        Kind::TimedOut | Kind::WouldBlock => RegistryError::TimedOut { url },
        Kind::ConnectionRefused | Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::AddrNotAvailable => {
            RegistryError::Connect { url, source: error }
        }
        _ => RegistryError::Broken { url, source: error },
    }
}
