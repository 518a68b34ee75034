//! Secure connections: one provider, authorities from the caller, and what went wrong with a handshake.

use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, InvalidMessage};
use ureq::tls::{Certificate, ClientCert, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::error::{RegistryError, TlsFault};

/// The authorities of a bundle. What else stands in it is passed over; a bundle that breaks off is an error.
pub(crate) fn authorities(pem: &[u8]) -> Result<Vec<Certificate<'static>>, RegistryError> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(RegistryError::Settings { reason: "the bundle of authorities is not PEM" }),
        }
    }
    Ok(certificates)
}

pub(crate) fn config(
    authorities: Vec<Certificate<'static>>,
    client: Option<ClientCert>,
    is_verified: bool,
) -> TlsConfig {
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(authorities)))
        .client_cert(client)
        .disable_verification(!is_verified)
        .build()
}

/// So many names of a certificate are told.
const MOST_NAMES: usize = 4;

/// A name of a certificate, which comes as `DnsName("NAME")` or `IpAddress(ADDRESS)`. It goes to a terminal: what has other
/// signs than names and addresses have is left out.
fn host(presented: &str) -> Option<String> {
    let name = presented.split(['(', ')']).nth(1)?.trim_matches('"');
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b".-*:".contains(&byte);
    (!name.is_empty() && name.len() <= 253 && name.bytes().all(is_sign)).then(|| name.to_owned())
}

pub(crate) fn fault(error: &rustls::Error) -> TlsFault {
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::NotValidForName => TlsFault::WrongHost { has: Vec::new() },
            CertificateError::NotValidForNameContext { presented, .. } => {
                TlsFault::WrongHost { has: presented.iter().filter_map(|name| host(name)).take(MOST_NAMES).collect() }
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsFault::OutOfDate,
            // The second is what an authority looks like that has the name of a trusted one and another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownAuthority,
            _ => TlsFault::Other,
        },
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            TlsFault::NotTls
        }
        // What a server says of the certificate that it was shown, or that it was shown none.
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            // An authority that has the name of one that it trusts, and another key.
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => TlsFault::OwnCertificate,
        _ => TlsFault::Other,
    }
}
