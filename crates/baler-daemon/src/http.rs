//! Requests to a daemon.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, Method, Request};
use ureq::tls::{ClientCert, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, SendBody};

use crate::address::{Address, TlsFiles};
use crate::error::DaemonError;
use crate::unix::{Connect, NoHost, UnixConnector};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A daemon that is at work answers late even where it has little to do.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);
const BUFFER: usize = 1 << 18;
/// Answers but exports are read into memory.
const MAXIMUM_ANSWER: u64 = 64 << 20;

/// A daemon's server.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) address: String,
    base: String,
    /// For what is answered at once.
    quick: Agent,
    /// For exports and loads, which take as long as they take.
    patient: Agent,
}

/// What was asked for.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: Body,
}

/// The form in which daemons say what is wrong.
#[derive(Deserialize)]
struct Message {
    message: String,
}

impl Http {
    pub(crate) fn new(address: &Address, connect: &Connect) -> Result<Self, DaemonError> {
        let name = address.to_string();
        let (base, tls) = match address {
            Address::Unix(_) => ("http://docker".to_owned(), None),
            Address::Tcp { authority, tls: None } => (format!("http://{authority}"), None),
            Address::Tcp { authority, tls: Some(files) } => {
                (format!("https://{authority}"), Some(tls_config(files, &name)?))
            }
        };
        let connector = |path: &PathBuf| UnixConnector { path: path.clone(), connect: Arc::clone(connect) };
        let agent = |answer_timeout| {
            let mut config = Agent::config_builder()
                .proxy(None)
                .accept_encoding("")
                .http_status_as_error(false)
                .max_redirects(0)
                .input_buffer_size(BUFFER)
                .output_buffer_size(BUFFER)
                .timeout_connect(Some(CONNECT_TIMEOUT))
                .timeout_recv_response(answer_timeout);
            if let Some(tls) = &tls {
                config = config.tls_config(tls.clone());
            }
            match address {
                Address::Unix(path) => Agent::with_parts(config.build(), connector(path), NoHost),
                Address::Tcp { .. } => {
                    Agent::with_parts(config.build(), DefaultConnector::default(), DefaultResolver::default())
                }
            }
        };
        Ok(Self { address: name, base, quick: agent(Some(ANSWER_TIMEOUT)), patient: agent(None) })
    }

    /// Asks for something small.
    pub(crate) fn get(&self, operation: &'static str, path: &str) -> Result<Answer, DaemonError> {
        self.send(&self.quick, operation, path, None)
    }

    /// Asks for something that takes long to be made.
    pub(crate) fn export(&self, operation: &'static str, path: &str) -> Result<Answer, DaemonError> {
        self.send(&self.patient, operation, path, None)
    }

    /// Sends a tar, or nothing.
    pub(crate) fn post(
        &self,
        operation: &'static str,
        path: &str,
        content: &mut dyn Read,
    ) -> Result<Answer, DaemonError> {
        self.send(&self.patient, operation, path, Some(content))
    }

    fn send(
        &self,
        agent: &Agent,
        operation: &'static str,
        path: &str,
        content: Option<&mut dyn Read>,
    ) -> Result<Answer, DaemonError> {
        let request = Request::builder().uri(format!("{}{path}", self.base));
        let unwritable = |error: ureq::http::Error| self.broken(operation, io::Error::other(error));
        let result = match content {
            Some(content) => {
                let request = request.method(Method::POST).header("content-type", "application/x-tar");
                agent.run(request.body(SendBody::from_reader(content)).map_err(unwritable)?)
            }
            None => agent.run(request.method(Method::GET).body(()).map_err(unwritable)?),
        };
        let (parts, body) = result.map_err(|error| self.failed(operation, error))?.into_parts();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    fn failed(&self, operation: &'static str, error: ureq::Error) -> DaemonError {
        let address = self.address.clone();
        match error {
            ureq::Error::Io(source) => self.broken(operation, source),
            ureq::Error::Timeout(ureq::Timeout::Connect) => {
                DaemonError::Absent { address, source: io::ErrorKind::TimedOut.into() }
            }
            ureq::Error::Timeout(_) => DaemonError::TimedOut { address, operation },
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
                DaemonError::Absent { address, source: io::Error::other(error) }
            }
            ureq::Error::Protocol(_) => DaemonError::NotADaemon { address },
            other => self.broken(operation, io::Error::other(other)),
        }
    }

    fn broken(&self, operation: &'static str, source: io::Error) -> DaemonError {
        use io::ErrorKind as Kind;
        let address = self.address.clone();
        match source.kind() {
            Kind::NotFound | Kind::ConnectionRefused | Kind::HostUnreachable | Kind::NetworkUnreachable => {
                DaemonError::Absent { address, source }
            }
            Kind::PermissionDenied => DaemonError::NotAllowed { address, source },
            _ => DaemonError::Broken { address, operation, source },
        }
    }

    /// The answer's JSON, or the error that its status is.
    pub(crate) fn json<T: DeserializeOwned>(&self, operation: &'static str, answer: Answer) -> Result<T, DaemonError> {
        let bytes = self.bytes(operation, answer)?;
        serde_json::from_slice(&bytes).map_err(|source| DaemonError::Malformed { operation, source })
    }

    /// The answer's bytes, or the error that its status is.
    pub(crate) fn bytes(&self, operation: &'static str, answer: Answer) -> Result<Vec<u8>, DaemonError> {
        let status = answer.status;
        let mut bytes = Vec::new();
        let read = answer.body.into_reader().take(MAXIMUM_ANSWER).read_to_end(&mut bytes);
        if (200..300).contains(&status) {
            return read.map(|_| bytes).map_err(|error| self.broken(operation, error));
        }
        let message = serde_json::from_slice(&bytes).map(|Message { message }| message);
        let message = message.unwrap_or_else(|_| String::from_utf8_lossy(&bytes).trim().to_owned());
        Err(DaemonError::Api { operation, status, message })
    }

    /// The answer as a stream, or the error that its status is.
    pub(crate) fn stream(&self, operation: &'static str, answer: Answer) -> Result<impl Read + use<>, DaemonError> {
        match answer.status {
            200..300 => Ok(answer.body.into_reader()),
            _ => match self.bytes(operation, answer) {
                Err(error) => Err(error),
                Ok(_) => Err(DaemonError::NotADaemon { address: self.address.clone() }),
            },
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn tls_config(files: &TlsFiles, address: &str) -> Result<TlsConfig, DaemonError> {
    let read = |path: &std::path::Path| {
        fs_err::read(path).map_err(|source| DaemonError::TlsFile { path: path.to_owned(), source })
    };
    let wrong = |reason| DaemonError::Tls { address: address.to_owned(), reason };
    let mut roots = RootCerts::Specific(Arc::new(Vec::new()));
    if let Some(path) = &files.authorities {
        let items = certificates(&read(path)?).ok_or_else(|| wrong("ca.pem is not PEM"))?;
        roots = RootCerts::Specific(Arc::new(items));
    }
    let mut client = None;
    if let Some((certificate, key)) = &files.client {
        let chain = certificates(&read(certificate)?).ok_or_else(|| wrong("cert.pem is not PEM"))?;
        let bytes = read(key)?;
        let key = parse_pem(&bytes).find_map(|item| match item {
            Ok(PemItem::PrivateKey(key)) => Some(key),
            Ok(_) | Err(_) => None,
        });
        client = Some(ClientCert::new_with_certs(&chain, key.ok_or_else(|| wrong("key.pem holds no key"))?));
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(roots)
        .client_cert(client)
        .disable_verification(!files.is_verified)
        .build())
}

fn certificates(pem: &[u8]) -> Option<Vec<ureq::tls::Certificate<'static>>> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.ok()? {
            certificates.push(certificate);
        }
    }
    Some(certificates)
}
