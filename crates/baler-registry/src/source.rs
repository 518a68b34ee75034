//! A repository of a registry as a source of images.
//!
//! Only 404 is "there is none". What headers say of type and digest is a hint; bytes are believed when they have the digest
//! that was asked for.

use std::io::Read;
use std::sync::Arc;

use baler_image::{Descriptor, Digest, Found, ImageName, Place, Repository, Source, SourceError, media_type};
use ureq::http::Method;

use crate::client::{Access, At, Client};
use crate::download::Download;
use crate::error::RegistryError;
use crate::event::Event;
use crate::tags::{self, Tags};
use crate::transport::Ask;

/// Manifests and indexes that are longer are none.
const MAXIMUM_MANIFEST: u64 = 16 << 20;
/// A config or other document must be read whole.
const MAXIMUM_DOCUMENT: u64 = 64 << 20;
/// The last is not understood: a registry that has nothing else is to say so, and not that it has nothing.
const ACCEPTED: [&str; 5] = [
    media_type::OCI_INDEX,
    media_type::OCI_MANIFEST,
    media_type::DOCKER_INDEX,
    media_type::DOCKER_MANIFEST,
    "application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1",
];

/// A repository that is read from.
pub struct RegistrySource {
    client: Arc<Client>,
    repository: Repository,
}

impl RegistrySource {
    /// A view of one repository: documents and blobs are read there.
    pub fn new(client: Arc<Client>, repository: Repository) -> Self {
        Self { client, repository }
    }

    /// The repository that is read.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What the registry says of the tags of this repository, to one that it does not have.
    pub fn tags_near(&self, tag: &str) -> Tags {
        tags::near(&self.client, &self.repository, tag)
    }

    fn failed(&self, error: RegistryError) -> SourceError {
        error.into_source_error(self.place())
    }

    fn manifest(&self, at: &Repository, reference: &str) -> Result<(Vec<u8>, String), RegistryError> {
        let path = format!("manifests/{reference}");
        let ask = Ask::new(Method::GET).header("accept", ACCEPTED.join(", "));
        let answer = self.client.ask(at, Access::Pull, At::Path(&path), &ask)?;
        let media_type = answer.header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let (url, stated) =
            (answer.location.to_string(), answer.header("docker-content-digest").map(str::parse::<Digest>));
        let bytes = answer.bytes(MAXIMUM_MANIFEST)?;
        // The digest of a tag is known from this header alone; some registries leave it out.
        if let Some(Ok(stated)) = stated {
            verify(&url, &stated, &bytes)?;
        }
        if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_err() {
            return Err(RegistryError::NotADocument { url });
        }
        Ok((bytes, media_type))
    }

    fn verified_manifest(&self, at: &Repository, digest: &Digest) -> Result<(Vec<u8>, String), RegistryError> {
        self.client.retried(|| {
            let (bytes, media_type) = self.manifest(at, &digest.to_string())?;
            verify(&at.to_string(), digest, &bytes)?;
            Ok((bytes, media_type))
        })
    }

    fn verified_blob(&self, at: &Repository, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        let path = format!("blobs/{}", descriptor.digest);
        self.client.retried(|| {
            let answer = self.client.ask(at, Access::Pull, At::Path(&path), &Ask::new(Method::GET))?;
            let bytes = answer.bytes(descriptor.size.min(MAXIMUM_DOCUMENT))?;
            let (received, expected) = (bytes.len() as u64, descriptor.size);
            if received < expected {
                return Err(RegistryError::Truncated { url: at.to_string(), received, expected });
            }
            verify(&at.to_string(), &descriptor.digest, &bytes)?;
            Ok(bytes)
        })
    }

    fn at_each<T>(&self, read: impl Fn(&Repository) -> Result<T, RegistryError>) -> Result<T, RegistryError> {
        at_each(&self.client, &self.repository, read)
    }
}

/// Asks the mirrors, then the registry itself. The last word is the registry's own.
pub(crate) fn at_each<T>(
    client: &Client,
    repository: &Repository,
    read: impl Fn(&Repository) -> Result<T, RegistryError>,
) -> Result<T, RegistryError> {
    for mirror in mirrors(client, repository) {
        match read(&mirror) {
            Ok(found) => return Ok(found),
            Err(error) => {
                let (wanted, error) = (repository, &error);
                if error.is_out_of_reach() && client.leave_out(mirror.registry()) {
                    client.tell(&Event::MirrorLeftOut { mirror: mirror.registry(), wanted, error });
                } else {
                    client.tell(&Event::MirrorFailed { mirror: &mirror, wanted, error });
                }
            }
        }
    }
    read(repository)
}

/// The repositories that are asked before this one.
fn mirrors(client: &Client, repository: &Repository) -> Vec<Repository> {
    let stands_for =
        |registry: &str| registry == "*" || Repository::new(registry, "").registry() == repository.registry();
    let fitting = client.settings().mirrors.iter().filter(|mirror| stands_for(&mirror.registry));
    let at_mirror = |mirror: &crate::Mirror| {
        let (host, prefix) = mirror.mirror.split_once('/').unwrap_or((&mirror.mirror, ""));
        let prefix = prefix.trim_matches('/');
        let separator = if prefix.is_empty() { "" } else { "/" };
        Repository::new(host, &format!("{prefix}{separator}{}", repository.path()))
    };
    fitting.map(at_mirror).filter(|mirror| !client.is_left_out(mirror.registry())).collect()
}

fn verify(url: &str, digest: &Digest, bytes: &[u8]) -> Result<(), RegistryError> {
    let found = crate::download::digest_like(digest, bytes);
    if found == *digest {
        return Ok(());
    }
    Err(RegistryError::WrongDigest { url: url.to_owned(), expected: digest.clone(), found })
}

impl Source for RegistrySource {
    fn place(&self) -> Place {
        Place::Registry(self.repository.registry().to_owned())
    }

    fn repository(&self) -> Option<Repository> {
        Some(self.repository.clone())
    }

    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        let reference = name.reference().filter(|reference| Repository::from(*reference) == self.repository);
        let wrong = || SourceError::WrongName { place: self.place(), name: name.clone() };
        let reference = reference.ok_or_else(wrong)?;
        let found = if let Some(digest) = reference.digest() {
            self.at_each(|at| self.verified_manifest(at, digest)).map(|found| (found, digest.clone()))
        } else {
            let tag = reference.tag().unwrap_or("latest");
            self.at_each(|at| self.client.retried(|| self.manifest(at, tag))).map(|found| {
                let digest = Digest::of(&found.0);
                (found, digest)
            })
        };
        match found {
            Ok(((bytes, media_type), digest)) => Ok(Some(Found { media_type, digest, bytes })),
            Err(RegistryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.unread(error)),
        }
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        let (digest, media_type) = (&descriptor.digest, &descriptor.media_type);
        let is_manifest = media_type::is_index(media_type) || media_type::is_manifest(media_type);
        let read = |at: &Repository| {
            if is_manifest {
                return self.verified_manifest(at, digest).map(|(bytes, _)| bytes);
            }
            match self.verified_blob(at, descriptor) {
                // An entry of an index may leave its type out; manifests are no blobs to a registry.
                Err(RegistryError::NotFound { .. }) if media_type.is_empty() => {
                    self.verified_manifest(at, digest).map(|(bytes, _)| bytes)
                }
                result => result,
            }
        };
        let bytes = self.at_each(read).map_err(|error| match error {
            RegistryError::NotFound { .. } => SourceError::AbsentBlob { place: self.place(), digest: digest.clone() },
            error => self.unread(error),
        })?;
        if bytes.len() as u64 != descriptor.size {
            let (place, digest) = (self.place(), digest.clone());
            return Err(SourceError::WrongSize { place, digest, size: descriptor.size, found: bytes.len() as u64 });
        }
        Ok(bytes)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        let download = Download::open(Arc::clone(&self.client), self.repository.clone(), descriptor.clone())?;
        Ok(Box::new(download))
    }
}

impl RegistrySource {
    /// A damaged answer is an error of its own.
    fn unread(&self, error: RegistryError) -> SourceError {
        match error.at_last() {
            (RegistryError::WrongDigest { expected, found, .. }, tries) => {
                SourceError::Corrupt { place: self.place(), digest: expected, found, tries }
            }
            (error, 1) => self.failed(error),
            (error, tries) => self.failed(RegistryError::GaveUp { tries, source: error.into() }),
        }
    }
}
