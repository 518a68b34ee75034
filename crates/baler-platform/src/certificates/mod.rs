//! The certificate authorities that builds trust.
//!
//! A host often trusts more than a base image does (a company's inspecting proxy). So that builds reach their package
//! registries, the host's bundle is mounted read-only for the time of the build and named in the variables that tools
//! read. The variables come as operator defaults of the build configuration (lifecycle-behaviour: build-config env
//! without suffix sets only what is unset), so what the user or the builder sets goes before them. Nothing of it
//! enters a layer.

mod java;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use baler_registry::host_bundle;

/// Where the bundle comes from: `--ca-certificates`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CertificateSource {
    /// The host's bundle, where there is one.
    #[default]
    Host,
    /// Only what the base image has.
    Image,
    /// This PEM file.
    File(PathBuf),
}

/// A bundle that is mounted into the sandbox.
#[derive(Debug)]
pub struct Bundle {
    /// On the host: a directory with `ca-certificates.pem` and, where it could be made, `java-trust-store.jks`.
    pub directory: PathBuf,
    /// Variables that name the files by their paths inside.
    pub variables: BTreeMap<&'static str, String>,
}

/// Where the directory is mounted inside.
pub const MOUNT_POINT: &str = "/run/baler/certificates";

/// The variables that name a PEM bundle: OpenSSL and Go, Node.js, pip, requests, cargo, git, curl.
const PEM_VARIABLES: [&str; 7] = [
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
    "CURL_CA_BUNDLE",
];

/// Why there is no bundle where one was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    #[error("could not read the certificates of {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} holds no certificate in PEM format", path.display())]
    NoCertificate { path: PathBuf },
    #[error("could not write the certificates to {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Prepares the bundle in `directory` (existing, empty), which builds have as `inside`. `None` where there is none.
/// `host_variable` is the host's `SSL_CERT_FILE`.
pub fn prepare(
    source: &CertificateSource,
    directory: &Path,
    inside: &Path,
    host_variable: Option<&Path>,
) -> Result<Option<Bundle>, CertificateError> {
    let path = match source {
        CertificateSource::Image => return Ok(None),
        CertificateSource::File(path) => path.clone(),
        CertificateSource::Host => match host_bundle(host_variable) {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let pem = fs_err::read(&path).map_err(|source| CertificateError::Read { path: path.clone(), source })?;
    let certificates = pem_certificates(&pem);
    if certificates.is_empty() {
        return Err(CertificateError::NoCertificate { path });
    }
    let write = |name: &str, bytes: &[u8]| {
        let path = directory.join(name);
        fs_err::write(&path, bytes).map_err(|source| CertificateError::Write { path, source })
    };
    write("ca-certificates.pem", &pem)?;
    write("java-trust-store.jks", &java::trust_store(&certificates))?;
    let inside = inside.display();
    let mut variables: BTreeMap<_, _> =
        PEM_VARIABLES.iter().map(|name| (*name, format!("{inside}/ca-certificates.pem"))).collect();
    variables.insert("JAVA_TOOL_OPTIONS", format!("-Djavax.net.ssl.trustStore={inside}/java-trust-store.jks"));
    Ok(Some(Bundle { directory: directory.to_owned(), variables }))
}

/// The DER bytes of each certificate of a PEM file. What is not base64 is skipped: tools skip it too.
fn pem_certificates(pem: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(pem);
    let mut certificates = Vec::new();
    for block in text.split("-----BEGIN CERTIFICATE-----").skip(1) {
        if let Some((body, _)) = block.split_once("-----END CERTIFICATE-----")
            && let Ok(der) = STANDARD.decode(body.split_ascii_whitespace().collect::<String>())
        {
            certificates.push(der);
        }
    }
    certificates
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "# a comment\n-----BEGIN CERTIFICATE-----\nTWFueSBoYW5k\ncw==\n-----END CERTIFICATE-----\n";

    #[test]
    fn reads_pem() {
        assert_eq!(pem_certificates(PEM.as_bytes()), [b"Many hands".to_vec()]);
    }

    #[test]
    fn names_the_bundle_in_the_variables() {
        let work = tempfile::tempdir().unwrap();
        let (file, directory) = (work.path().join("own.pem"), work.path().join("out"));
        fs_err::write(&file, PEM).unwrap();
        fs_err::create_dir(&directory).unwrap();
        let bundle =
            prepare(&CertificateSource::File(file), &directory, Path::new(MOUNT_POINT), None).unwrap().unwrap();
        assert_eq!(bundle.variables["PIP_CERT"], "/run/baler/certificates/ca-certificates.pem");
        assert!(directory.join("java-trust-store.jks").exists());
    }

    #[test]
    fn refuses_a_file_without_certificates() {
        let work = tempfile::tempdir().unwrap();
        let file = work.path().join("empty.pem");
        fs_err::write(&file, "nothing").unwrap();
        let error = prepare(&CertificateSource::File(file), work.path(), Path::new(MOUNT_POINT), None).unwrap_err();
        assert!(matches!(error, CertificateError::NoCertificate { .. }));
        assert!(prepare(&CertificateSource::Image, work.path(), Path::new(MOUNT_POINT), None).unwrap().is_none());
    }
}
