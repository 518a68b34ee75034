//! A blob on its way up (distribution specification, "Pushing blobs").
//!
//! What is short is sent at once, when it is complete. What is longer goes in chunks while it is written; each is kept
//! until the registry has it, so that a broken connection costs no more than one.

use std::io::{self, Write};
use std::sync::Arc;

use baler_image::{BlobWriter, Digest, Place, Repository, SinkError};
use ureq::http::Method;

use crate::client::{Access, At, Client};
use crate::error::RegistryError;
use crate::event::Event;
use crate::location::Location;
use crate::range::upload_offset;
use crate::transport::{Answer, Ask, Content};

/// Large enough that round trips do not count, small enough for several uploads at once. A registry may ask for more.
const CHUNK: usize = 5 << 20;
/// With so much of a chunk the rest is expected to come, too.
const GROWN: usize = 1 << 20;
/// For an upload that others do not wait for.
const SMALL_CHUNK: usize = 3 << 20;
const LARGEST_CHUNK: usize = 64 << 20;

/// An upload that a registry began.
pub(crate) struct Begun {
    pub(crate) location: Location,
    smallest_chunk: usize,
}

pub(crate) fn begin(client: &Client, repository: &Repository) -> Result<Begun, RegistryError> {
    begun(&client.ask(repository, Access::Push, At::Path("blobs/uploads/"), &Ask::new(Method::POST))?)
}

pub(crate) fn begun(answer: &Answer) -> Result<Begun, RegistryError> {
    let smallest_chunk = answer.header("oci-chunk-min-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Begun { location: next(answer)?, smallest_chunk })
}

/// Where an upload goes on.
fn next(answer: &Answer) -> Result<Location, RegistryError> {
    let url = answer.location.to_string();
    let Some(text) = answer.header("location") else {
        return Err(RegistryError::Protocol { url, reason: "it does not say where the upload goes on" });
    };
    answer.location.join(text).map_err(|source| RegistryError::Redirect { url, source })
}

/// Ends an upload that is not wanted. A registry that does not care to hear of it forgets it by itself.
pub(crate) fn cancel(client: &Client, repository: &Repository, location: &Location) {
    let _ = client.ask(repository, Access::Push, At::Location(location), &Ask::new(Method::DELETE));
}

pub(crate) fn has_blob(client: &Client, repository: &Repository, digest: &Digest) -> Result<bool, RegistryError> {
    let path = format!("blobs/{digest}");
    let ask = Ask::new(Method::HEAD);
    let answer = client.retried(|| client.ask(repository, Access::Push, At::Path(&path), &ask));
    let answer = match answer {
        // Some proxies let no HEAD through: a single byte says as much.
        Err(RegistryError::Status { status: 405 | 501, .. }) => {
            let ask = Ask::new(Method::GET).header("range", "bytes=0-0");
            client.retried(|| client.ask(repository, Access::Push, At::Path(&path), &ask))
        }
        answer => answer,
    };
    match answer {
        Ok(_) => Ok(true),
        Err(RegistryError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A blob that is being sent.
pub(crate) struct Upload {
    client: Arc<Client>,
    repository: Repository,
    /// Where the next chunk goes; none before the first is full.
    location: Option<Location>,
    /// The chunk where the registry asks for none.
    least: usize,
    chunk: usize,
    /// What the registry has not confirmed.
    waiting: Vec<u8>,
    /// What it has.
    sent: u64,
}

impl Upload {
    pub(crate) fn new(client: Arc<Client>, repository: Repository, begun: Option<Begun>) -> Self {
        let (least, chunk, waiting) = (CHUNK, CHUNK, Vec::new());
        let mut upload = Self { client, repository, location: None, least, chunk, waiting, sent: 0 };
        if let Some(begun) = begun {
            upload.take(begun);
        }
        upload
    }

    /// One that goes on beside other work: it takes less memory.
    pub(crate) fn slow(client: Arc<Client>, repository: Repository) -> Self {
        let mut upload = Self::new(client, repository, None);
        (upload.least, upload.chunk) = (SMALL_CHUNK, SMALL_CHUNK);
        upload
    }

    fn take(&mut self, begun: Begun) {
        self.chunk = begun.smallest_chunk.clamp(self.least, LARGEST_CHUNK);
        self.location = Some(begun.location);
    }

    fn failed(&self, error: RegistryError) -> SinkError {
        error.into_sink_error(Place::Registry(self.repository.registry().to_owned()))
    }

    fn lost(&self) -> SinkError {
        self.client.tell(&Event::SendingAgain { repository: &self.repository, sent: self.sent });
        SinkError::LostUpload { place: Place::Registry(self.repository.registry().to_owned()), sent: self.sent }
    }

    fn ask(&self, location: &Location, ask: &Ask<'_>) -> Result<Answer, RegistryError> {
        self.client.ask(&self.repository, Access::Push, At::Location(location), ask)
    }

    /// The place of the upload; it is begun where it was not.
    fn begun(&mut self) -> Result<Location, SinkError> {
        if self.location.is_none() {
            let begun = self.client.retried(|| begin(&self.client, &self.repository));
            let begun = begun.map_err(|error| self.failed(error))?;
            self.take(begun);
        }
        Ok(self.location.clone().expect("it was just begun"))
    }

    /// Sends what waits, going on after faults from where the registry says it is.
    fn send_chunk(&mut self) -> Result<(), SinkError> {
        let mut tried = 0;
        while !self.waiting.is_empty() {
            let location = self.begun()?;
            let end = self.sent + self.waiting.len() as u64 - 1;
            let mut ask = Ask::new(Method::PATCH).header("content-type", "application/octet-stream");
            ask = ask.header("content-range", format!("{}-{end}", self.sent));
            ask.content = Content::Bytes(&self.waiting);
            match self.ask(&location, &ask).and_then(|answer| next(&answer)) {
                Ok(location) => {
                    self.location = Some(location);
                    self.sent = end + 1;
                    self.waiting.clear();
                }
                Err(error) => {
                    tried += 1;
                    self.recover(error, tried)?;
                }
            }
        }
        Ok(())
    }

    /// After a fault: asks how far the upload is. Without an upload, begins anew if all is still here.
    fn recover(&mut self, error: RegistryError, tried: u32) -> Result<(), SinkError> {
        let is_out_of_step = matches!(error, RegistryError::Status { status: 416, .. });
        let is_forgotten = matches!(error, RegistryError::NotFound { .. });
        if !error.is_passing() && !is_out_of_step && !is_forgotten {
            return Err(self.failed(error));
        }
        let error = self.client.wait_after(error, tried).map_err(|error| self.failed(error))?;
        let location = self.begun()?;
        let status =
            if is_forgotten { Err(error) } else { self.client.retried(|| self.ask(&location, &Ask::new(Method::GET))) };
        match status {
            Ok(answer) => self.realign(&answer),
            Err(RegistryError::NotFound { .. }) if self.sent == 0 => {
                self.location = None;
                Ok(())
            }
            Err(RegistryError::NotFound { .. }) => Err(self.lost()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn realign(&mut self, answer: &Answer) -> Result<(), SinkError> {
        let offset = answer.header("range").map_or(Some(0), upload_offset);
        let has = offset.and_then(|offset| offset.checked_sub(self.sent)).and_then(|has| usize::try_from(has).ok());
        let Some(has) = has.filter(|has| *has <= self.waiting.len()) else { return Err(self.lost()) };
        self.waiting.drain(..has);
        self.sent += has as u64;
        if let Ok(location) = next(answer) {
            self.location = Some(location);
        }
        Ok(())
    }

    /// Gives the upload its digest. A short blob goes along whole.
    fn finish(&mut self, digest: &Digest) -> Result<(), SinkError> {
        let mut tried = 0;
        loop {
            let location = self.begun()?.with_query("digest", &digest.to_string());
            let mut ask = Ask::new(Method::PUT).header("content-type", "application/octet-stream");
            ask.content = Content::Bytes(&self.waiting);
            let Err(error) = self.ask(&location, &ask) else { return Ok(()) };
            let is_forgotten = matches!(error, RegistryError::NotFound { .. });
            if !error.is_passing() && !is_forgotten {
                return Err(self.failed(error));
            }
            // The answer may have been lost, and not what it was about.
            if has_blob(&self.client, &self.repository, digest).map_err(|error| self.failed(error))? {
                self.client.tell(&Event::Arrived { digest, error: &error });
                return Ok(());
            }
            if self.sent > 0 && is_forgotten {
                return Err(self.lost());
            }
            tried += 1;
            self.client.wait_after(error, tried).map_err(|error| self.failed(error))?;
            if self.sent == 0 {
                // All of it is still here: a new upload is simpler than to ask how much of it the old one has.
                if let Some(location) = self.location.take().filter(|_| !is_forgotten) {
                    cancel(&self.client, &self.repository, &location);
                }
            }
        }
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() >= self.chunk {
            // The registry's answer may be that it wants longer chunks.
            self.begun().map_err(io::Error::other)?;
        }
        if self.waiting.len() >= self.chunk {
            self.send_chunk().map_err(io::Error::other)?;
        }
        let count = bytes.len().min(self.chunk - self.waiting.len());
        if self.waiting.len() + count > self.waiting.capacity() && self.waiting.len() >= GROWN {
            // Doubled, it would have room for what never comes.
            self.waiting.reserve_exact(self.chunk - self.waiting.len());
        }
        self.waiting.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Does nothing: what is written counts when it is committed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Upload {
    fn commit(mut self: Box<Self>, digest: &Digest, _size: u64) -> Result<(), SinkError> {
        if self.sent > 0 {
            self.send_chunk()?;
        }
        self.finish(digest)?;
        self.location = None;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(location) = self.location.take() {
            cancel(&self.client, &self.repository, &location);
        }
    }
}
