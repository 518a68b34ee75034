//! What goes wrong, and when.

use std::sync::Arc;
use std::time::Duration;

use crate::subject::{Part, Seen, Subject};

/// A fault that befalls the requests that fit. As text it is what [`crate::faults`] describes.
#[derive(Clone, Debug)]
pub struct Rule {
    subject: Subject,
    skip: usize,
    times: usize,
    fault: Fault,
    /// As it was written, where it was.
    text: Option<Arc<str>>,
}

impl Rule {
    /// Befalls the next request that fits, and no other. In `method` and `path` a `*` stands for any text; a path with a
    /// `?` is compared with its query, others without.
    pub fn new(method: &str, path: &str, fault: Fault) -> Self {
        let subject = Subject { method: method.to_owned(), path: path.to_owned(), part: Part::All };
        Self { subject, skip: 0, times: 1, fault, text: None }
    }

    /// Befalls only requests of this part of the protocol.
    #[must_use]
    pub fn on(mut self, part: Part) -> Self {
        self.subject.part = part;
        self
    }

    /// Has requests that it befalls told with this text.
    #[must_use]
    pub(crate) fn written(mut self, text: &str) -> Self {
        self.text = Some(text.into());
        self
    }

    /// What goes wrong.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// Befalls so many requests.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Befalls all requests.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Lets so many requests that fit pass first.
    #[must_use]
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// The fault for this request, and how it was written, if it is one that this rule is for. Counts.
    pub(crate) fn strike(&mut self, request: &Seen<'_>) -> Option<(Fault, Option<Arc<str>>)> {
        if self.times == 0 || !self.subject.fits(request, &self.fault) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.times != usize::MAX {
            self.times -= 1;
        }
        Some((self.fault.clone(), self.text.clone()))
    }
}

/// What can go wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// This status with these headers; the request is not carried out. 503 of `/token` is a token server that fails, 405
    /// of a `HEAD` a registry that has none.
    Status(u16, Vec<(&'static str, String)>),
    /// This status, headers and body; the request is not carried out.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The connection is reset before the answer; the request is not carried out.
    ResetBefore,
    /// The connection is reset after so many bytes of the request's body, which are kept.
    ResetReceiving(usize),
    /// The request is carried out, and the connection reset in place of an answer.
    ResetUnanswered,
    /// The connection is reset after so many bytes of the answer's body.
    ResetIn(usize),
    /// The connection is reset after the whole answer.
    ResetAfter,
    /// The body ends after so many bytes, though the header promised more.
    Truncate(usize),
    /// The body ends after so many bytes, and the header says so.
    TruncateSilently(usize),
    /// The body has no length, and comes in chunks.
    NoLength,
    /// Nothing more comes after so many bytes of the body; without a number, no answer comes at all.
    Stall(Option<usize>),
    /// So long before each piece of the body.
    Slow(Duration),
    /// The token of this request is no longer good.
    TokenExpires,
    /// `Docker-Content-Digest` is left out.
    NoDigestHeader,
    /// `Docker-Content-Digest` is another one.
    WrongDigestHeader,
    /// The first byte of the body is another one.
    Damage,
    /// The body is another one.
    Body(Vec<u8>),
    /// `Content-Type` is this.
    ContentType(String),
    /// The same path at this address (`http://host:port`) is what the answer refers to.
    Redirect(String),
    /// The same path at the storage host of this registry ([`crate::Options::has_storage_host`]) is what the answer refers
    /// to, with a signature that only that one may see.
    ToStorageHost,
    /// The registry does not mount, but begins an upload.
    NoMount,
    /// The upload of this request is forgotten before.
    ForgetUpload,
    /// `Range` is not looked at.
    NoRanges,
}

impl Fault {
    /// A status alone.
    pub fn status(status: u16) -> Self {
        Self::Status(status, Vec::new())
    }

    /// Too many requests; come again after this (seconds, or a date).
    pub fn too_many(retry_after: &str) -> Self {
        Self::Status(429, vec![("retry-after", retry_after.to_owned())])
    }
}
