//! Docker's `certs.d`: for a registry `HOST`, the directory `HOST` has authorities in `*.crt`, and certificates that we show
//! in `NAME.cert` with their keys in `NAME.key`. All of it is read when the client is made: a phase that root starts is
//! another user afterwards, who may not read keys. What is damaged is told where it is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, parse_pem};

use crate::error::RegistryError;

/// What the directories say about one host.
#[derive(Clone, Default)]
pub(crate) struct HostCertificates {
    pub(crate) authorities: Vec<Certificate<'static>>,
    pub(crate) client: Option<ClientCert>,
}

/// What the directories say about all hosts; for some, why it cannot be used.
pub(crate) struct AllCertificates(BTreeMap<OsString, Result<HostCertificates, Unusable>>);

impl AllCertificates {
    pub(crate) fn read(directories: &[PathBuf]) -> Self {
        // What may not be looked into is not for this user.
        let entries = |directory: &PathBuf| fs_err::read_dir(directory).into_iter().flatten().flatten();
        let hosts: BTreeSet<OsString> = directories.iter().flat_map(entries).map(|entry| entry.file_name()).collect();
        let read = |host: OsString| {
            let certificates = HostCertificates::read(directories, &host);
            (host, certificates)
        };
        Self(hosts.into_iter().map(read).collect())
    }

    /// Those for `host`, which may have a port.
    pub(crate) fn of(&self, host: &str) -> Result<HostCertificates, RegistryError> {
        match self.0.get(OsStr::new(host)) {
            None => Ok(HostCertificates::default()),
            Some(Ok(certificates)) => Ok(certificates.clone()),
            Some(Err(unusable)) => {
                Err(RegistryError::Certificates { path: unusable.path.clone(), source: Arc::clone(&unusable.source) })
            }
        }
    }
}

/// A file or directory that cannot be read or is no PEM.
struct Unusable {
    path: PathBuf,
    source: Arc<io::Error>,
}

impl HostCertificates {
    fn read(directories: &[PathBuf], host: &OsStr) -> Result<Self, Unusable> {
        let mut found = Self::default();
        for directory in directories {
            found.read_directory(&directory.join(host))?;
        }
        Ok(found)
    }

    fn read_directory(&mut self, directory: &Path) -> Result<(), Unusable> {
        let failed = |source: io::Error| Unusable { path: directory.to_owned(), source: source.into() };
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

fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    fs_err::read(path).map_err(|source| Unusable { path: path.to_owned(), source: source.into() })
}

fn not_pem(path: &Path) -> Unusable {
    Unusable { path: path.to_owned(), source: Arc::new(io::Error::new(io::ErrorKind::InvalidData, "not PEM")) }
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Unusable> {
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

fn key(path: &Path) -> Result<PrivateKey<'static>, Unusable> {
    PrivateKey::from_pem(&read(path)?).map_err(|_| not_pem(path))
}
