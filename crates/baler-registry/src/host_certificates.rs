//! Docker's `certs.d`: for a registry `HOST`, the directory `HOST` has authorities in `*.crt`, and certificates that we show
//! in `NAME.cert` with their keys in `NAME.key`.

use std::io;
use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, parse_pem};

use crate::error::RegistryError;

/// What the directories say about one host.
#[derive(Default)]
pub(crate) struct HostCertificates {
    pub(crate) authorities: Vec<Certificate<'static>>,
    pub(crate) client: Option<ClientCert>,
}

impl HostCertificates {
    /// Reads what there is for `host`, which may have a port, in each of the directories.
    pub(crate) fn read(directories: &[PathBuf], host: &str) -> Result<Self, RegistryError> {
        let mut found = Self::default();
        // A name with a slash would leave the directory; registries have none.
        for directory in directories.iter().filter(|_| !host.contains('/')) {
            found.read_directory(&directory.join(host))?;
        }
        Ok(found)
    }

    fn read_directory(&mut self, directory: &Path) -> Result<(), RegistryError> {
        let failed = |source| RegistryError::Certificates { path: directory.to_owned(), source };
        let entries = match fs_err::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let mut paths =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        paths.sort();
        for path in paths {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => self.authorities.extend(certificates(&path)?),
                Some("cert") if self.client.is_none() => {
                    let chain = certificates(&path)?;
                    self.client = Some(ClientCert::new_with_certs(&chain, key(&path.with_extension("key"))?));
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read(path: &Path) -> Result<Vec<u8>, RegistryError> {
    fs_err::read(path).map_err(|source| RegistryError::Certificates { path: path.to_owned(), source })
}

fn not_pem(path: &Path) -> RegistryError {
    RegistryError::Certificates { path: path.to_owned(), source: io::ErrorKind::InvalidData.into() }
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, RegistryError> {
    let mut certificates = Vec::new();
    for item in parse_pem(&read(path)?) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(not_pem(path)),
        }
    }
    if certificates.is_empty() { Err(not_pem(path)) } else { Ok(certificates) }
}

fn key(path: &Path) -> Result<PrivateKey<'static>, RegistryError> {
    PrivateKey::from_pem(&read(path)?).map_err(|_| not_pem(path))
}
