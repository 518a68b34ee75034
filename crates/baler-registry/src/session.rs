//! An upload session (distribution specification, "Pushing blobs"): where it goes on, and how far it is.
//!
//! What is sent is kept until the registry has it, in memory or in a file, so that a broken connection costs no more than
//! one piece.

use std::sync::Arc;

use baler_image::{Digest, Place, Repository, SinkError};
use ureq::http::Method;

use crate::client::{Access, At, Client};
use crate::error::RegistryError;
use crate::event::Event;
use crate::location::Location;
use crate::range::upload_offset;
use crate::transport::{Answer, Ask, Content, FilePart};
use crate::whole::is_refused_piece;

const LARGEST_PIECE: u64 = 64 << 20;

/// An upload that a registry began.
pub(crate) struct Begun {
    pub(crate) location: Location,
    smallest_piece: u64,
}

pub(crate) fn begin(client: &Client, repository: &Repository) -> Result<Begun, RegistryError> {
    begun(&client.ask(repository, Access::Push, At::Path("blobs/uploads/"), &Ask::new(Method::POST))?)
}

pub(crate) fn begun(answer: &Answer) -> Result<Begun, RegistryError> {
    let smallest_piece = answer.header("oci-chunk-min-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Begun { location: next(answer)?, smallest_piece })
}

/// Where an upload goes on.
fn next(answer: &Answer) -> Result<Location, RegistryError> {
    let url = answer.location.to_string();
    let Some(text) = answer.header("location") else {
        return Err(RegistryError::Protocol { url, reason: "it does not say where the upload goes on" });
    };
    let next = answer.location.join(text).map_err(|source| RegistryError::Redirect { url, source })?;
    Ok(next.protected_as(&answer.location))
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
        // Some proxies let no HEAD through, and a store that a registry leads to may want a signature of its own for it: a
        // single byte says as much.
        Err(RegistryError::Status { status: 405 | 501, .. } | RegistryError::Refused { status: 403, .. }) => {
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

/// What is sent of a blob, from its byte number `start` on.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) bytes: Bytes<'a>,
}

/// Where that is.
#[derive(Clone, Copy)]
pub(crate) enum Bytes<'a> {
    Memory(&'a [u8]),
    /// The bytes of a file as they are numbered in the blob.
    File(&'a fs_err::File, Watch<'a>),
}

/// Is told how far a file was read, and may end that with an error: from then on it gives one each time.
pub(crate) type Watch<'a> = &'a (dyn Fn(u64) -> std::io::Result<()> + Sync);

impl<'a> Kept<'a> {
    /// All from byte number `from` on, which is one that is kept.
    fn content(&self, from: u64) -> Content<'a> {
        match self.bytes {
            Bytes::Memory(bytes) => {
                let skipped = usize::try_from(from - self.start).unwrap_or(usize::MAX).min(bytes.len());
                Content::Bytes(&bytes[skipped..])
            }
            Bytes::File(file, watch) => Content::File(FilePart { file, start: from, end: self.end, watch }),
        }
    }

    /// Whether nobody waits for it any more.
    fn is_given_up(&self, sent: u64) -> bool {
        matches!(self.bytes, Bytes::File(_, watch) if watch(sent).is_err())
    }
}

/// An upload that goes on from request to request. Dropped without an end, it is cancelled.
pub(crate) struct Session {
    client: Arc<Client>,
    repository: Repository,
    /// Where the next piece goes; none before the first.
    location: Option<Location>,
    smallest_piece: u64,
    /// How many bytes the registry has confirmed.
    pub(crate) sent: u64,
}

impl Session {
    pub(crate) fn new(client: Arc<Client>, repository: Repository, begun: Option<Begun>) -> Self {
        let mut session = Self { client, repository, location: None, smallest_piece: 0, sent: 0 };
        if let Some(begun) = begun {
            session.take(begun);
        }
        session
    }

    fn take(&mut self, begun: Begun) {
        self.smallest_piece = begun.smallest_piece;
        self.location = Some(begun.location);
    }

    /// How long a piece is that should have `length`: as long as the registry wants it, where that is not absurd.
    pub(crate) fn piece(&self, length: u64) -> u64 {
        self.smallest_piece.clamp(length, LARGEST_PIECE)
    }

    fn failed(&self, error: RegistryError) -> SinkError {
        error.into_sink_error(Place::Registry(self.repository.registry().to_owned()))
    }

    /// Whether the registry wants blobs whole: no piece may be sent.
    pub(crate) fn is_whole(&self) -> bool {
        self.client.sends_whole(self.repository.registry())
    }

    fn lost(&self) -> SinkError {
        self.client.tell(&Event::SendingAgain { repository: &self.repository, sent: self.sent });
        self.lost_upload()
    }

    /// What was sent of it counts no more: blobs are sent whole from now on.
    fn refused_piece(&mut self) -> SinkError {
        self.client.send_whole(&self.repository);
        let error = self.lost_upload();
        self.sent = 0;
        if let Some(location) = self.location.take() {
            cancel(&self.client, &self.repository, &location);
        }
        error
    }

    fn lost_upload(&self) -> SinkError {
        SinkError::LostUpload { place: Place::Registry(self.repository.registry().to_owned()), sent: self.sent }
    }

    fn ask(&self, location: &Location, ask: &Ask<'_>) -> Result<Answer, RegistryError> {
        self.client.ask(&self.repository, Access::Push, At::Location(location), ask)
    }

    /// The place of the upload; it is begun where it was not.
    pub(crate) fn begun(&mut self) -> Result<Location, SinkError> {
        if self.location.is_none() {
            let begun = self.client.retried(|| begin(&self.client, &self.repository));
            let begun = begun.map_err(|error| self.failed(error))?;
            self.take(begun);
        }
        Ok(self.location.clone().expect("it was just begun"))
    }

    /// Sends what is kept and was not sent, going on after faults from where the registry says it is.
    pub(crate) fn send(&mut self, kept: &Kept<'_>) -> Result<(), SinkError> {
        let mut tried = 0;
        while self.sent < kept.end {
            let location = self.begun()?;
            let mut ask = Ask::new(Method::PATCH).header("content-type", "application/octet-stream");
            ask = ask.header("content-range", format!("{}-{}", self.sent, kept.end - 1));
            ask.content = kept.content(self.sent);
            match self.ask(&location, &ask).and_then(|answer| next(&answer)) {
                Ok(location) => {
                    self.location = Some(location);
                    self.sent = kept.end;
                }
                Err(error) if is_refused_piece(&error, self.sent) => return Err(self.refused_piece()),
                Err(error) if kept.is_given_up(self.sent) => return Err(self.failed(error)),
                Err(error) => {
                    tried += 1;
                    self.recover(error, tried, kept)?;
                }
            }
        }
        Ok(())
    }

    /// After a fault: asks how far the upload is. Without an upload, begins anew if nothing was sent before.
    fn recover(&mut self, error: RegistryError, tried: u32, kept: &Kept<'_>) -> Result<(), SinkError> {
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
            Ok(answer) => self.realign(&answer, kept),
            Err(RegistryError::NotFound { .. }) if self.sent == 0 => {
                self.location = None;
                Ok(())
            }
            Err(RegistryError::NotFound { .. }) => Err(self.lost()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn realign(&mut self, answer: &Answer, kept: &Kept<'_>) -> Result<(), SinkError> {
        let offset = answer.header("range").map_or(Some(0), upload_offset);
        let Some(offset) = offset.filter(|offset| (kept.start..=kept.end).contains(offset)) else {
            return Err(self.lost());
        };
        self.sent = offset;
        if let Ok(location) = next(answer) {
            self.location = Some(location);
        }
        Ok(())
    }

    /// Gives the upload its digest. A short blob, of which nothing was sent, goes along whole, and so does each one where a
    /// registry wants that.
    pub(crate) fn finish(&mut self, digest: &Digest, whole: Content<'_>) -> Result<(), SinkError> {
        let mut tried = 0;
        loop {
            let location = self.begun()?.with_query("digest", &digest.to_string());
            let mut ask = Ask::new(Method::PUT).header("content-type", "application/octet-stream");
            ask.content = whole;
            let Err(error) = self.ask(&location, &ask) else {
                self.location = None;
                return Ok(());
            };
            let is_forgotten = matches!(error, RegistryError::NotFound { .. });
            if !error.is_passing() && !is_forgotten {
                return Err(self.failed(error));
            }
            // The answer may have been lost, and not what it was about.
            if has_blob(&self.client, &self.repository, digest).map_err(|error| self.failed(error))? {
                self.client.tell(&Event::Arrived { digest, error: &error });
                self.location = None;
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

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(location) = self.location.take() {
            cancel(&self.client, &self.repository, &location);
        }
    }
}
