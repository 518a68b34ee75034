//! Which requests a rule is for.

use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap};

use crate::pattern::fits;
use crate::route::{Route, query};
use crate::rules::Fault;

/// A part of the protocol (distribution specification, "Endpoints").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    All,
    Manifests,
    Blobs,
    /// All requests of uploads: beginning one, its bytes, its state, its end.
    Uploads,
    /// The requests that carry the bytes of an upload, or end it.
    Chunks,
    /// What begins an upload that may be answered by a blob of another repository.
    Mounts,
    /// The token server.
    Tokens,
    /// The lists of tags.
    Tags,
}

impl Part {
    /// All parts, with their names and what they are.
    pub const NAMED: [(&'static str, Self, &'static str); 8] = [
        ("all", Self::All, "every request"),
        ("manifests", Self::Manifests, "manifests and indexes"),
        ("blobs", Self::Blobs, "layers and configs"),
        ("uploads", Self::Uploads, "all requests of an upload"),
        ("chunks", Self::Chunks, "those that carry the bytes of an upload"),
        ("mounts", Self::Mounts, "those that take a blob over from another repository"),
        ("tokens", Self::Tokens, "the token server's"),
        ("tags", Self::Tags, "lists of tags"),
    ];

    fn has(self, request: &Seen<'_>) -> bool {
        let path = request.path();
        let route = Route::of(path);
        match self {
            Self::All => true,
            Self::Manifests => matches!(route, Route::Manifest { .. }),
            Self::Blobs => matches!(route, Route::Blob { .. }),
            Self::Uploads => matches!(route, Route::Uploads { .. } | Route::Upload { .. }),
            Self::Chunks => {
                matches!(route, Route::Upload { .. }) && matches!(*request.method, Method::PATCH | Method::PUT)
            }
            Self::Mounts => matches!(route, Route::Uploads { .. }) && query(request.target, "mount").is_some(),
            Self::Tokens => matches!(route, Route::Token),
            Self::Tags => matches!(route, Route::Tags { .. }),
        }
    }
}

/// What is looked at of a request.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) method: &'a Method,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) is_at_storage_host: bool,
}

impl<'a> Seen<'a> {
    fn path(&self) -> &'a str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn has_body(&self) -> bool {
        // Chunked bodies have no length.
        self.headers.get(CONTENT_LENGTH).is_none_or(|length| length != "0")
    }

    /// Whether a fault can befall this request at all.
    fn can_have(&self, fault: &Fault) -> bool {
        match fault {
            Fault::TokenExpires => {
                self.headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"Bearer "))
            }
            Fault::ResetReceiving(_) => self.has_body(),
            Fault::ToStorageHost => !self.is_at_storage_host,
            _ => true,
        }
    }
}

/// All of this must fit.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// `*` stands for any text.
    pub(crate) method: String,
    /// `*` stands for any text; with a `?` it is compared with path and query.
    pub(crate) path: String,
    pub(crate) part: Part,
}

impl Subject {
    pub(crate) fn fits(&self, request: &Seen<'_>, fault: &Fault) -> bool {
        let text = if self.path.contains('?') { request.target } else { request.path() };
        fits(&self.method, request.method.as_str())
            && fits(&self.path, text)
            && self.part.has(request)
            && request.can_have(fault)
    }
}
