//! What is answered to a request that nothing befalls (distribution specification, "Endpoints" and "Error Codes").

mod blob;
mod manifest;
mod upload;

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderMap;

use crate::content::Content;
use crate::options::Options;
use crate::route::{Route, query};
use crate::storage::Storage;

pub(crate) use manifest::store as store_manifest;
pub(crate) use upload::{Receipt, begin as begin_upload};

/// An answer before it is sent.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content: Content,
    /// The part of the content that is sent.
    pub(crate) start: u64,
    pub(crate) length: u64,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), content: Content::Memory(Bytes::new()), start: 0, length: 0 }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn content(mut self, content: Content) -> Self {
        (self.start, self.length) = (0, content.length());
        self.content = content;
        self
    }

    pub(crate) fn bytes(self, bytes: Vec<u8>) -> Self {
        self.content(Content::Memory(bytes.into()))
    }

    /// An error by its code.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
        Self::new(status).header("content-type", "application/json").bytes(body.to_string().into_bytes())
    }

    fn json(value: &serde_json::Value) -> Self {
        Self::new(200).header("content-type", "application/json").bytes(value.to_string().into_bytes())
    }

    /// Ours is the fault.
    pub(crate) fn broken(error: &std::io::Error) -> Self {
        Self::error(500, "UNKNOWN", &error.to_string())
    }
}

/// A request whose body is not an upload.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) knows_ranges: bool,
}

/// Answers what is no upload.
pub(crate) fn answer(storage: &mut Storage, options: &Options, call: &Call<'_>, route: Route<'_>) -> Reply {
    let refused = || Reply::error(405, "UNSUPPORTED", "the method is not one of this path");
    let is_read = matches!(*call.method, Method::GET | Method::HEAD);
    match route {
        Route::Base => Reply::json(&serde_json::json!({})),
        Route::Catalog if is_read => {
            let names = storage.index.repositories.keys().map(String::as_str);
            listing(call.target, names.collect(), |names| serde_json::json!({ "repositories": names }))
        }
        Route::Tags { name } if is_read => match storage.repository(name) {
            Some(repository) => {
                let tags = repository.tags.keys().map(String::as_str).collect();
                listing(call.target, tags, |tags| serde_json::json!({ "name": name, "tags": tags }))
            }
            None => Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry"),
        },
        Route::Manifest { name, reference } => match *call.method {
            Method::GET | Method::HEAD => manifest::get(storage, name, reference),
            Method::PUT => manifest::put(storage, options, call, name, reference),
            Method::DELETE => manifest::delete(storage, name, reference),
            _ => refused(),
        },
        Route::Blob { name, digest } => match *call.method {
            Method::GET | Method::HEAD => blob::get(storage, call, name, digest),
            Method::DELETE => blob::delete(storage, name, digest),
            _ => refused(),
        },
        Route::Referrers { name, digest } if is_read && options.has_referrers => {
            manifest::referrers(storage, call.target, name, digest)
        }
        Route::Unknown | Route::Referrers { .. } => Reply::error(404, "NOT_FOUND", "nothing is here"),
        Route::Token | Route::Uploads { .. } | Route::Upload { .. } | Route::Catalog | Route::Tags { .. } => refused(),
    }
}

/// A list, or the page of it that was asked for, with the link to the next.
fn listing(target: &str, all: Vec<&str>, document: impl Fn(&[&str]) -> serde_json::Value) -> Reply {
    let last = query(target, "last");
    let rest: Vec<&str> = all.into_iter().filter(|name| last.as_deref().is_none_or(|last| *name > last)).collect();
    let most = query(target, "n").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    if rest.len() <= most {
        return Reply::json(&document(&rest));
    }
    let page = &rest[..most];
    let path = target.split('?').next().unwrap_or_default();
    let link = page.last().map(|last| format!("<{path}?n={most}&last={last}>; rel=\"next\""));
    let reply = Reply::json(&document(page));
    match link {
        Some(link) => reply.header("link", link),
        None => reply,
    }
}
