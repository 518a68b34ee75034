//! A blob on its way down: verified when it ends, and taken up again where a connection broke.

use std::io::{self, Read};
use std::sync::Arc;

use baler_image::{Algorithm, Descriptor, Digest, Place, Repository, SourceError};
use sha2::{Digest as _, Sha256, Sha512};
use ureq::BodyReader;
use ureq::http::Method;

use crate::client::{Access, At, Client};
use crate::error::RegistryError;
use crate::event::Event;
use crate::gate::Permit;
use crate::range::content_range_start;
use crate::source::at_each;
use crate::transport::{Ask, broken};

/// An answer's body, and the place at the registry that it takes.
struct Body {
    reader: BodyReader<'static>,
    /// Where it comes from: the repository, or a mirror of it.
    at: Repository,
    url: String,
    _permit: Option<Permit>,
}

/// A blob that is read.
pub(crate) struct Download {
    client: Arc<Client>,
    repository: Repository,
    descriptor: Descriptor,
    body: Body,
    position: u64,
    hasher: Hasher,
    /// Tries since the last byte came.
    tried: u32,
    is_finished: bool,
}

enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Digest {
        use std::fmt::Write as _;
        match self {
            Self::Sha256(hasher) => Digest::from_sha256(hasher.finalize().into()),
            Self::Sha512(hasher) => {
                let mut text = "sha512:".to_owned();
                for byte in hasher.finalize() {
                    write!(text, "{byte:02x}").expect("writing to a String cannot fail");
                }
                text.parse().expect("64 bytes in hexadecimal are a digest")
            }
        }
    }
}

/// The digest of `bytes` by the algorithm of `digest`.
pub(crate) fn digest_like(digest: &Digest, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::of(digest.algorithm());
    hasher.update(bytes);
    hasher.finish()
}

impl Download {
    pub(crate) fn open(
        client: Arc<Client>,
        repository: Repository,
        descriptor: Descriptor,
    ) -> Result<Self, SourceError> {
        let place = Place::Registry(repository.registry().to_owned());
        let body =
            client.retried(|| open_anywhere(&client, &repository, &descriptor, 0)).map_err(|error| match error {
                RegistryError::NotFound { .. } => SourceError::AbsentBlob { place, digest: descriptor.digest.clone() },
                error => error.into_source_error(place),
            })?;
        let hasher = Hasher::of(descriptor.digest.algorithm());
        Ok(Self { client, repository, descriptor, body, position: 0, hasher, tried: 0, is_finished: false })
    }

    /// Goes on where the connection ended, after a pause.
    fn resume(&mut self, error: Option<RegistryError>) -> Result<(), SourceError> {
        self.tried += 1;
        let ended = || RegistryError::Truncated {
            url: self.body.url.clone(),
            received: self.position,
            expected: self.descriptor.size,
        };
        if let Err(error) = self.client.wait_after(error.unwrap_or_else(ended), self.tried) {
            return Err(self.truncated(error));
        }
        let reopened = open_anywhere(&self.client, &self.repository, &self.descriptor, self.position);
        match reopened {
            Ok(body) => {
                self.body = body;
                Ok(())
            }
            Err(error) if error.is_passing() => self.resume(Some(error)),
            Err(error) => Err(error.into_source_error(self.place())),
        }
    }

    fn place(&self) -> Place {
        Place::Registry(self.repository.registry().to_owned())
    }

    fn truncated(&self, error: RegistryError) -> SourceError {
        SourceError::Truncated {
            place: self.place(),
            digest: self.descriptor.digest.clone(),
            received: self.position,
            size: self.descriptor.size,
            source: Some(Box::new(error)),
        }
    }

    /// All bytes are here: nothing may follow, and the digest must be the one.
    fn finish(&mut self) -> Result<(), SourceError> {
        self.is_finished = true;
        let (place, digest, size) = (self.place(), self.descriptor.digest.clone(), self.descriptor.size);
        // A connection that breaks after the last byte has done its work; reading on frees it for others.
        if matches!(self.body.reader.read(&mut [0]), Ok(1..)) {
            return Err(SourceError::WrongSize { place, digest, size, found: size + 1 });
        }
        let empty = Hasher::of(digest.algorithm());
        let found = std::mem::replace(&mut self.hasher, empty).finish();
        if found == digest {
            return Ok(());
        }
        self.tell_of_damage(&digest, &found);
        Err(SourceError::Corrupt { place, digest, found, tries: 1 })
    }

    /// A mirror that damages what it sends is not asked again.
    fn tell_of_damage(&self, digest: &Digest, found: &Digest) {
        let (at, wanted) = (&self.body.at, &self.repository);
        if at == wanted {
            self.client.tell(&Event::Damaged { repository: wanted, digest, found });
        } else if self.client.leave_out(at.registry()) {
            let (url, expected, found) = (self.body.url.clone(), digest.clone(), found.clone());
            let error = &RegistryError::WrongDigest { url, expected, found };
            self.client.tell(&Event::MirrorLeftOut { mirror: at.registry(), wanted, error });
        }
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_finished || buffer.is_empty() {
                return Ok(0);
            }
            let left = self.descriptor.size - self.position;
            if left == 0 {
                self.finish().map_err(io::Error::other)?;
                return Ok(0);
            }
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            match self.body.reader.read(&mut buffer[..most]) {
                Ok(0) => self.resume(None).map_err(io::Error::other)?,
                Ok(count) => {
                    self.hasher.update(&buffer[..count]);
                    self.position += count as u64;
                    self.tried = 0;
                    return Ok(count);
                }
                Err(error) => {
                    let error = broken(self.body.url.clone(), error);
                    self.resume(Some(error)).map_err(io::Error::other)?;
                }
            }
        }
    }
}

fn open_anywhere(
    client: &Client,
    repository: &Repository,
    blob: &Descriptor,
    position: u64,
) -> Result<Body, RegistryError> {
    at_each(client, repository, |at| open(client, at, blob, position))
}

fn open(client: &Client, at: &Repository, blob: &Descriptor, position: u64) -> Result<Body, RegistryError> {
    let mut ask = Ask::new(Method::GET);
    if position > 0 {
        ask = ask.header("range", format!("bytes={position}-"));
    }
    let answer = client.ask(at, Access::Pull, At::Path(&format!("blobs/{}", blob.digest)), &ask)?;
    let url = answer.location.to_string();
    let is_partial = answer.status == 206;
    if is_partial && answer.header("content-range").and_then(content_range_start) != Some(position) {
        return Err(RegistryError::Protocol { url, reason: "it sent another range than was asked for" });
    }
    let reader = answer.body.into_reader();
    let mut body = Body { reader, at: at.clone(), url: url.clone(), _permit: answer.permit };
    if position > 0 && !is_partial {
        // Not every registry knows ranges: then what is here already is read again and passed over.
        let passed = io::copy(&mut body.reader.by_ref().take(position), &mut io::sink())
            .map_err(|error| broken(url.clone(), error))?;
        if passed < position {
            return Err(RegistryError::Truncated { url, received: passed, expected: position });
        }
    }
    Ok(body)
}
