//! One request and its answer over HTTP: connections, redirects, and what each fault is called.
//!
//! Authorisation goes to the server that it is meant for; a redirect to another loses it.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fs_err::os::unix::fs::FileExt as _;
use ureq::http::{HeaderMap, Method, Request};
use ureq::tls::Certificate;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Proxy, SendBody, Timeout};

use crate::error::{RegistryError, TlsFault, error_codes};
use crate::gate::Permit;
use crate::host_certificates::AllCertificates;
use crate::http_date;
use crate::location::Location;
use crate::no_proxy::is_excepted;
use crate::resolver::{NoNameServer, SystemResolver};
use crate::secret::Secret;
use crate::settings::{Proxies, Settings};
use crate::silence::Silence;
use crate::tls;

const MAXIMUM_REDIRECTS: usize = 5;
/// What is read of an error's body.
const ERROR_BODY: u64 = 64 * 1024;

/// So much is sent in no time.
const SHORT: usize = 64 * 1024;

/// What is sent with a request. All of it can be sent again.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    Nothing,
    Bytes(&'a [u8]),
    File(FilePart<'a>),
}

/// A part of a file.
#[derive(Clone, Copy)]
pub(crate) struct FilePart<'a> {
    pub(crate) file: &'a fs_err::File,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Is told how far it was read, and may end that.
    pub(crate) watch: &'a (dyn Fn(u64) -> io::Result<()> + Sync),
}

impl Read for FilePart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.watch)(self.start)?;
        let left = usize::try_from(self.end - self.start).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..left], self.start)?;
        if count == 0 && left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.start += count as u64;
        Ok(count)
    }
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

    /// Whether it is sent in no time.
    fn is_short(&self) -> bool {
        match self.content {
            Content::Nothing => true,
            Content::Bytes(bytes) => bytes.len() < SHORT,
            Content::File(part) => part.end - part.start < SHORT as u64,
        }
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
    /// The place at the registry, held as long as the body is read.
    pub(crate) permit: Option<Permit>,
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
        let retry_after = retry_after(self.header("retry-after"), self.header("date"));
        let mut body = Vec::new();
        // What of the body could be read tells the codes; the status tells the rest.
        let _ = self.body.into_reader().take(ERROR_BODY).read_to_end(&mut body);
        let codes = error_codes(&body);
        match status {
            404 => RegistryError::NotFound { url, codes },
            401 | 403 => RegistryError::Refused { url, status, codes, origin: None },
            429 => RegistryError::RateLimited { url, retry_after },
            _ => RegistryError::Status { url, status, codes, retry_after },
        }
    }
}

/// How long a server wants to be left alone: seconds, or a date (RFC 9110, section 10.2.3). A date is compared with the
/// server's own clock, since it may differ from ours.
fn retry_after(value: Option<&str>, now: Option<&str>) -> Option<Duration> {
    let value = value?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let seconds = http_date::seconds(value)?.saturating_sub(http_date::seconds(now?.trim())?);
    Some(Duration::from_secs(seconds))
}

/// Connections, kept by server.
pub(crate) struct Transport {
    settings: Connecting,
    agents: Mutex<BTreeMap<AgentKey, Agent>>,
    silence: Silence,
}

/// What connections of one kind have in common: TLS or not, host and port, whether the certificate is verified.
type AgentKey = (bool, String, bool);

struct Connecting {
    authorities: Vec<Certificate<'static>>,
    certificates: AllCertificates,
    proxies: Proxies,
    user_agent: String,
    connect_timeout: Duration,
    stall_timeout: Duration,
}

impl Connecting {
    fn agent(&self, at: &Location, is_verified: bool) -> Result<Agent, RegistryError> {
        let host = self.certificates.of(at.authority())?;
        let roots = self.authorities.iter().cloned().chain(host.authorities).collect();
        let proxy = if at.is_secure() { &self.proxies.https } else { &self.proxies.http };
        let (name, port) = at.host_and_port();
        let proxy = proxy.as_ref().filter(|_| !is_excepted(self.proxies.except.as_deref(), name, port));
        let config = Agent::config_builder()
            .tls_config(tls::config(roots, host.client, is_verified))
            .proxy(proxy.map(through).transpose()?)
            .user_agent(self.user_agent.as_str())
            .accept_encoding("")
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(self.connect_timeout))
            .timeout_recv_response(Some(self.stall_timeout * 2))
            .timeout_per_read(Some(self.stall_timeout))
            .timeout_per_write(Some(self.stall_timeout))
            .build();
        Ok(Agent::with_parts(config, DefaultConnector::default(), SystemResolver))
    }
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, RegistryError> {
        let silence = Silence::new(settings.patience, settings.stall_timeout, settings.listener.clone());
        let settings = Connecting {
            authorities: tls::authorities(&settings.authorities)?,
            certificates: AllCertificates::read(&settings.certificate_directories),
            proxies: settings.proxies.clone(),
            user_agent: settings.user_agent.clone(),
            connect_timeout: settings.connect_timeout,
            stall_timeout: settings.stall_timeout,
        };
        for proxy in [&settings.proxies.http, &settings.proxies.https].into_iter().flatten() {
            through(proxy)?;
        }
        Ok(Self { settings, agents: Mutex::default(), silence })
    }

    fn agent(&self, at: &Location, is_verified: bool) -> Result<Agent, RegistryError> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (at.is_secure(), at.authority().to_owned(), is_verified);
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let agent = self.settings.agent(at, is_verified)?;
        agents.insert(key, agent.clone());
        Ok(agent)
    }

    /// Asks, and follows redirects. `authorization` is for the server of `location` alone.
    pub(crate) fn send(&self, location: &Location, ask: &Ask<'_>, route: Route<'_>) -> Result<Answer, RegistryError> {
        let mut at = location.clone();
        for _ in 0..=MAXIMUM_REDIRECTS {
            let is_home = at.is_same_server(location);
            let agent = self.agent(&at, route.is_verified || !is_home)?;
            // Long bodies take their time.
            let _asked = ask.is_short().then(|| self.silence.begin(ask.method.as_str(), &at));
            let answer = once(&agent, &at, ask, route.authorization.filter(|_| is_home))?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let invalid = |source| RegistryError::Redirect { url: at.to_string(), source };
            let next = at.join(answer.header("location").unwrap_or_default()).map_err(invalid)?.protected_as(&at);
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

fn once(agent: &Agent, at: &Location, ask: &Ask<'_>, authorization: Option<&Secret>) -> Result<Answer, RegistryError> {
    let mut request = Request::builder().method(ask.method.clone()).uri(at.reveal());
    for (name, value) in &ask.headers {
        request = request.header(*name, value);
    }
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization.reveal());
    }
    let invalid = |_| RegistryError::Protocol { url: at.to_string(), reason: "the request cannot be written" };
    let result = if matches!(ask.method, Method::POST | Method::PUT | Method::PATCH) {
        match ask.content {
            Content::Nothing => agent.run(request.header("content-length", 0).body(&[][..]).map_err(invalid)?),
            Content::Bytes(bytes) => {
                agent.run(request.header("content-length", bytes.len()).body(bytes).map_err(invalid)?)
            }
            Content::File(mut part) => {
                let request = request.header("content-length", part.end - part.start);
                agent.run(request.body(SendBody::from_reader(&mut part)).map_err(invalid)?)
            }
        }
    } else {
        agent.run(request.body(()).map_err(invalid)?)
    };
    let (parts, body) = result.map_err(|error| by_way_of(agent, classify(at, error)))?.into_parts();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, location: at.clone(), permit: None })
}

/// Where there is a proxy, it is the one that could not be reached.
fn by_way_of(agent: &Agent, error: RegistryError) -> RegistryError {
    let is_on_the_way = matches!(
        error,
        RegistryError::HostNotFound { .. } | RegistryError::NameServer { .. } | RegistryError::Connect { .. }
    );
    match agent.config().proxy() {
        Some(proxy) if is_on_the_way => {
            let proxy = format!("{}:{}", proxy.host(), proxy.port());
            RegistryError::ProxyOutOfReach { proxy, source: error.into() }
        }
        Some(_) | None => error,
    }
}

fn through(proxy: &Secret) -> Result<Proxy, RegistryError> {
    Proxy::new(proxy.reveal()).map_err(|_| RegistryError::Settings { reason: "a proxy's address cannot be read" })
}

fn classify(at: &Location, error: ureq::Error) -> RegistryError {
    let url = at.to_string();
    match error {
        ureq::Error::HostNotFound => RegistryError::HostNotFound { url },
        ureq::Error::Other(error) if error.is::<NoNameServer>() => RegistryError::NameServer { url },
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            RegistryError::Connect { url, source: io::ErrorKind::TimedOut.into() }
        }
        ureq::Error::Timeout(_) => RegistryError::TimedOut { url },
        ureq::Error::Rustls(error) => RegistryError::Tls { url, fault: tls::fault(&error) },
        ureq::Error::Tls(_) => RegistryError::Tls { url, fault: TlsFault::Other },
        ureq::Error::ConnectProxyFailed(_) => RegistryError::Proxy { url },
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
