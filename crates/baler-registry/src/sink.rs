//! A repository of a registry as a sink of images.

use std::sync::Arc;

use baler_image::{BlobWriter, Descriptor, Digest, ImageName, Mounted, Place, Repository, Sink, SinkError};
use ureq::http::Method;

use crate::client::{Access, At, Client};
use crate::error::RegistryError;
use crate::file_upload::FileUpload;
use crate::session;
use crate::transport::{Ask, Content};
use crate::upload::Upload;
use crate::whole::WholeUpload;

/// A repository that is written to.
pub struct RegistrySink {
    client: Arc<Client>,
    repository: Repository,
}

/// An upload that was begun to find out whether one may.
#[must_use = "a registry keeps what is not ended for a while"]
pub struct PushCheck {
    client: Arc<Client>,
    repository: Repository,
    begun: session::Begun,
}

impl RegistrySink {
    /// A view of one repository: what is written goes there.
    pub fn new(client: Arc<Client>, repository: Repository) -> Self {
        Self { client, repository }
    }

    /// The repository that is written to.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Finds out whether one may push here: begins an upload and ends it.
    pub fn check_push(&self) -> Result<(), SinkError> {
        self.begin_check().map(PushCheck::end)
    }

    /// The same, leaving the end to the caller: the answer is known.
    pub fn begin_check(&self) -> Result<PushCheck, SinkError> {
        let begun = self.client.retried(|| session::begin(&self.client, &self.repository));
        let begun = begun.map_err(|error| self.failed(error))?;
        Ok(PushCheck { client: Arc::clone(&self.client), repository: self.repository.clone(), begun })
    }

    /// Begins a blob that is sent from a file, while that grows.
    pub fn begin_file(&self) -> FileUpload {
        FileUpload::new(Arc::clone(&self.client), self.repository.clone())
    }

    fn upload(&self, begun: Option<session::Begun>) -> Box<dyn BlobWriter> {
        let (client, repository) = (Arc::clone(&self.client), self.repository.clone());
        if self.client.sends_whole(repository.registry()) {
            return Box::new(WholeUpload::new(client, repository, begun));
        }
        Box::new(Upload::new(client, repository, begun))
    }

    fn failed(&self, error: RegistryError) -> SinkError {
        error.into_sink_error(self.place())
    }
}

impl PushCheck {
    /// Ends the upload.
    pub fn end(self) {
        session::cancel(&self.client, &self.repository, &self.begun.location);
    }
}

impl Sink for RegistrySink {
    fn place(&self) -> Place {
        Place::Registry(self.repository.registry().to_owned())
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        session::has_blob(&self.client, &self.repository, digest).map_err(|error| self.failed(error))
    }

    fn repository(&self) -> Option<Repository> {
        Some(self.repository.clone())
    }

    /// Takes a blob over from another repository of the same registry, without sending it. That a registry does not do
    /// so, for whatever reason, is no error.
    fn mount_blob(&self, digest: &Digest, from: &Repository) -> Result<Mounted, SinkError> {
        if from.registry() != self.repository.registry() || from == &self.repository {
            return Ok(Mounted::No);
        }
        let path = format!("blobs/uploads/?mount={digest}&from={}", crate::location::encode(from.path()));
        let access = Access::Mount { from: from.path() };
        let ask = Ask::new(Method::POST);
        let answer = match self.client.retried(|| self.client.ask(&self.repository, access, At::Path(&path), &ask)) {
            Ok(answer) => answer,
            // The server of tokens may not want to give one for two repositories, or not to this one.
            Err(error) => {
                return match error.root() {
                    RegistryError::Refused { .. } | RegistryError::NotFound { .. } | RegistryError::Status { .. } => {
                        Ok(Mounted::No)
                    }
                    _ => Err(self.failed(error)),
                };
            }
        };
        match answer.status {
            201 => Ok(Mounted::Done),
            202 => {
                let begun = session::begun(&answer).map_err(|error| self.failed(error))?;
                Ok(Mounted::Upload(self.upload(Some(begun))))
            }
            _ => Ok(Mounted::No),
        }
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        Ok(self.upload(None))
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        let wrong = || SinkError::WrongName { place: self.place(), name: name.clone() };
        let reference = name.reference().filter(|reference| Repository::from(*reference) == self.repository);
        let reference = reference.ok_or_else(wrong)?;
        if reference.digest().is_some_and(|digest| *digest != descriptor.digest) {
            return Err(wrong());
        }
        let target = reference.tag().map_or_else(|| descriptor.digest.to_string(), str::to_owned);
        let mut ask = Ask::new(Method::PUT).header("content-type", &*descriptor.media_type);
        ask.content = Content::Bytes(bytes);
        let path = format!("manifests/{target}");
        let put = self.client.retried(|| self.client.ask(&self.repository, Access::Push, At::Path(&path), &ask));
        put.map(|_| ()).map_err(|error| self.failed(error))
    }
}
