//! Files by HTTP: asked for again only if the server has another one by now.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use baler_store::{DiskFull, Scratch, ScratchError};
use ureq::http::header;
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Proxy};

use super::locator::redacted;
use crate::certificates::host_bundle;
use crate::context::Context;
use crate::output::Level;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const STALL_TIMEOUT: Duration = Duration::from_mins(1);
const ATTEMPTS: u32 = 3;
const MAXIMUM_SIZE: u64 = 1 << 36;

/// Why a file could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    #[error("could not download {url}")]
    Request { url: String, source: Box<ureq::Error> },
    #[error("could not download {url}: the server answered {status}")]
    Status { url: String, status: u16 },
    #[error("could not download {url}")]
    Broken { url: String, source: io::Error },
    #[error("{url} has more than 64 GiB")]
    TooLarge { url: String },
    #[error("could not keep {url}")]
    Keep { url: String, source: io::Error },
    #[error("could not keep {url}")]
    DiskFull { url: String, source: DiskFull },
    #[error("{0}")]
    Scratch(#[from] ScratchError),
    #[error("the proxy's address is not one")]
    Proxy,
}

/// What the server said.
pub(super) enum Answer {
    /// It has what `mark` is of.
    Same,
    /// It has another file, now in `scratch` under [`FILE`].
    File { scratch: Scratch, mark: Option<String> },
}

pub(crate) const FILE: &str = "download";

/// Asks for `url`, unless it is still what `mark` is of.
pub(super) fn download(context: &Context<'_>, url: &str, mark: Option<&str>) -> Result<Answer, DownloadError> {
    let shown = redacted(url);
    let agent = agent(context, url)?;
    let mut attempt = 1;
    loop {
        match once(context, &agent, url, mark) {
            Err(error) if attempt < ATTEMPTS && error.is_passing() && context.interrupt.check().is_ok() => {
                context.output.line(Level::Debug, &format!("Downloading {shown} again: {error}"));
                std::thread::sleep(Duration::from_millis(300) * attempt);
                attempt += 1;
            }
            result => return result,
        }
    }
}

/// Downloads `url` whatever is remembered of it: the file is [`FILE`] in what is returned.
pub(crate) fn download_now(context: &Context<'_>, url: &str) -> Result<Scratch, DownloadError> {
    match download(context, url, None)? {
        Answer::File { scratch, .. } => Ok(scratch),
        Answer::Same => Err(DownloadError::Status { url: redacted(url), status: 304 }),
    }
}

impl DownloadError {
    /// Whether it may be otherwise the next time.
    fn is_passing(&self) -> bool {
        match self {
            Self::Request { .. } | Self::Broken { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::TooLarge { .. } | Self::Keep { .. } | Self::DiskFull { .. } | Self::Scratch(_) | Self::Proxy => false,
        }
    }
}

fn once(context: &Context<'_>, agent: &Agent, url: &str, mark: Option<&str>) -> Result<Answer, DownloadError> {
    let shown = || redacted(url);
    let mut request = agent.get(url);
    match mark.and_then(|mark| mark.split_once(' ')) {
        Some(("etag", tag)) => request = request.header(header::IF_NONE_MATCH, tag.trim()),
        Some(("modified", time)) => request = request.header(header::IF_MODIFIED_SINCE, time.trim()),
        Some(_) | None => {}
    }
    let answer = request.call().map_err(|source| DownloadError::Request { url: shown(), source: Box::new(source) })?;
    match answer.status().as_u16() {
        304 if mark.is_some() => return Ok(Answer::Same),
        200 => {}
        status => return Err(DownloadError::Status { url: shown(), status }),
    }
    let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let etag = text(header::ETAG).map(|tag| format!("etag {tag}\n"));
    let mark = etag.or_else(|| text(header::LAST_MODIFIED).map(|time| format!("modified {time}\n")));
    let scratch = context.store.scratch("download")?;
    let path = scratch.path().join(FILE);
    let keep = |source: io::Error| match source.kind() {
        io::ErrorKind::StorageFull => DownloadError::DiskFull { url: shown(), source: DiskFull::at(&path) },
        _ => DownloadError::Keep { url: shown(), source },
    };
    let mut file = fs_err::File::create(&path).map_err(keep)?;
    let mut reader = answer.into_body().into_reader().take(MAXIMUM_SIZE + 1);
    let (mut buffer, mut size) = (vec![0; 256 * 1024], 0);
    loop {
        let broken = |source| DownloadError::Broken { url: shown(), source };
        let count = reader.read(&mut buffer).map_err(broken)?;
        if count == 0 {
            break;
        }
        context.interrupt.check().map_err(|source| broken(io::Error::other(source)))?;
        file.write_all(&buffer[..count]).map_err(keep)?;
        size += count as u64;
    }
    if size > MAXIMUM_SIZE {
        return Err(DownloadError::TooLarge { url: shown() });
    }
    Ok(Answer::File { scratch, mark })
}

fn agent(context: &Context<'_>, url: &str) -> Result<Agent, DownloadError> {
    let bundle = host_bundle(context.variable("SSL_CERT_FILE").map(std::path::Path::new));
    let pem = bundle.and_then(|path| fs_err::read(path).ok()).unwrap_or_default();
    let authorities = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        Ok(_) | Err(_) => None,
    });
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(authorities.collect())))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy(context, url)?)
        .user_agent("baler")
        // The file as it is, not what it would be unpacked.
        .accept_encoding("")
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(STALL_TIMEOUT))
        .timeout_per_read(Some(STALL_TIMEOUT));
    Ok(config.build().into())
}

fn proxy(context: &Context<'_>, url: &str) -> Result<Option<Proxy>, DownloadError> {
    let names = if url.starts_with("https:") { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
    let Some(address) = names.iter().find_map(|name| context.variable(name)) else { return Ok(None) };
    let proxy = Proxy::new(address).map_err(|_| DownloadError::Proxy)?;
    let mut builder = Proxy::builder(proxy.protocol()).host(proxy.host()).port(proxy.port());
    if let Some(username) = proxy.username() {
        builder = builder.username(username);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    let except = ["NO_PROXY", "no_proxy"].iter().find_map(|name| context.variable(name)).unwrap_or_default();
    for host in except.split(',').map(str::trim).filter(|host| !host.is_empty()) {
        builder = builder.no_proxy(host);
    }
    builder.build().map(Some).map_err(|_| DownloadError::Proxy)
}
