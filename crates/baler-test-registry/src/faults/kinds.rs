//! The faults that can be named.

use std::time::Duration;

use crate::rules::Fault;
use crate::subject::Part;

/// What can be said of a fault beside `on`, `method`, `path`, `times` and `after`, which all have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Key {
    /// `bytes=N`
    Bytes,
    /// `seconds=N`
    Seconds,
    /// `retry-after=SECONDS`
    RetryAfter,
    /// `type=MEDIA-TYPE`
    MediaType,
    /// `to=URL`
    To,
}

impl Key {
    /// How it is written, and what its value is.
    pub fn usage(self) -> (&'static str, &'static str) {
        match self {
            Self::Bytes => ("bytes", "a number"),
            Self::Seconds => ("seconds", "a number, as in 0.5"),
            Self::RetryAfter => ("retry-after", "a number of seconds"),
            Self::MediaType => ("type", "a media type"),
            Self::To => ("to", "http://HOST:PORT or https://HOST:PORT"),
        }
    }
}

/// The values that were given.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    pub(super) bytes: Option<usize>,
    pub(super) pause: Option<Duration>,
    pub(super) retry_after: Option<u64>,
    pub(super) media_type: Option<String>,
    pub(super) to: Option<String>,
}

impl Values {
    /// Less than any manifest has.
    fn bytes(&self) -> usize {
        self.bytes.unwrap_or(100)
    }
}

/// Which requests a fault befalls where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usual {
    pub part: Part,
    /// `*` is any.
    pub method: &'static str,
    /// Whether it befalls all of them, and not the first alone.
    pub always: bool,
}

/// A fault that can be named.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Kind {
    pub name: &'static str,
    pub about: &'static str,
    pub keys: &'static [Key],
    pub usual: Usual,
    pub(super) make: fn(&Values) -> Fault,
}

const fn first(part: Part, method: &'static str) -> Usual {
    Usual { part, method, always: false }
}

const fn always(part: Part, method: &'static str) -> Usual {
    Usual { part, method, always: true }
}

const fn kind(
    name: &'static str,
    about: &'static str,
    keys: &'static [Key],
    usual: Usual,
    make: fn(&Values) -> Fault,
) -> Kind {
    Kind { name, about, keys, usual, make }
}

/// A manifest of schema 1 (Docker's image manifest version 2, schema 1).
const SCHEMA_1: &[u8] =
    br#"{"schemaVersion":1,"name":"app","tag":"1","architecture":"amd64","fsLayers":[],"history":[],"signatures":[]}"#;
const SCHEMA_1_TYPE: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

fn typed(media_type: &str, body: &[u8]) -> Fault {
    Fault::Answer(200, vec![("content-type", media_type.to_owned())], body.to_vec())
}

/// All of them, beside the statuses from 400 to 599, which are written as their number and take [`Key::RetryAfter`].
pub const KINDS: &[Kind] = &[
    kind("reset-before", "the connection is reset before an answer", &[], first(Part::All, "*"), |_| {
        Fault::ResetBefore
    }),
    kind("reset-in", "… after so many bytes of the answer", &[Key::Bytes], first(Part::Blobs, "GET"), |values| {
        Fault::ResetIn(values.bytes())
    }),
    kind("reset-after", "… after the whole answer", &[], first(Part::All, "*"), |_| Fault::ResetAfter),
    kind(
        "reset-unanswered",
        "… when the request was carried out, in place of the answer",
        &[],
        first(Part::All, "*"),
        |_| Fault::ResetUnanswered,
    ),
    kind(
        "reset-upload",
        "… after so many bytes of what is sent; the registry keeps these",
        &[Key::Bytes],
        first(Part::Chunks, "*"),
        |values| Fault::ResetReceiving(values.bytes()),
    ),
    kind(
        "truncate",
        "the answer ends after so many bytes, though its length promised more",
        &[Key::Bytes],
        first(Part::Blobs, "GET"),
        |values| Fault::Truncate(values.bytes()),
    ),
    kind(
        "truncate-silently",
        "the answer ends after so many bytes, and its length says so",
        &[Key::Bytes],
        first(Part::Blobs, "GET"),
        |values| Fault::TruncateSilently(values.bytes()),
    ),
    kind("stall", "nothing more comes after so many bytes", &[Key::Bytes], first(Part::Blobs, "GET"), |values| {
        Fault::Stall(Some(values.bytes()))
    }),
    kind("stall-before", "no answer comes", &[], first(Part::All, "*"), |_| Fault::Stall(None)),
    kind("slow", "so long before each 128 KiB", &[Key::Seconds], always(Part::Blobs, "GET"), |values| {
        Fault::Slow(values.pause.unwrap_or(Duration::from_millis(500)))
    }),
    kind("damage", "the first byte is another one", &[], first(Part::Blobs, "GET"), |_| Fault::Damage),
    kind("token-expires", "the token is no longer good", &[], first(Part::All, "*"), |_| Fault::TokenExpires),
    kind("no-head", "HEAD is refused (405)", &[], always(Part::All, "HEAD"), |_| Fault::status(405)),
    kind("no-digest", "Docker-Content-Digest is missing", &[], always(Part::All, "*"), |_| Fault::NoDigestHeader),
    kind("wrong-digest", "Docker-Content-Digest is another one", &[], first(Part::Manifests, "GET"), |_| {
        Fault::WrongDigestHeader
    }),
    kind("no-length", "answers come in chunks, without Content-Length", &[], always(Part::All, "GET"), |_| {
        Fault::NoLength
    }),
    kind("no-ranges", "Range is not looked at", &[], always(Part::Blobs, "GET"), |_| Fault::NoRanges),
    kind("no-mount", "a mount is answered 202: an upload is begun", &[], always(Part::Mounts, "*"), |_| Fault::NoMount),
    kind("no-pieces", "a blob in pieces is refused (416)", &[], always(Part::Chunks, "PATCH"), |_| Fault::status(416)),
    kind("forget-upload", "what was sent of an upload is forgotten", &[], first(Part::Chunks, "*"), |_| {
        Fault::ForgetUpload
    }),
    kind(
        "redirect",
        "it is elsewhere: at URL, or at a store that takes no credentials",
        &[Key::To],
        always(Part::Blobs, "GET"),
        |values| values.to.clone().map_or(Fault::ToStorageHost, Fault::Redirect),
    ),
    kind("content-type", "Content-Type is this", &[Key::MediaType], always(Part::Manifests, "GET"), |values| {
        Fault::ContentType(values.media_type.clone().unwrap_or_else(|| "text/plain".to_owned()))
    }),
    kind("schema-1", "a manifest of schema 1 is answered", &[], always(Part::Manifests, "GET"), |_| {
        typed(SCHEMA_1_TYPE, SCHEMA_1)
    }),
    kind(
        "page",
        "a page in HTML is answered, as a network does that wants a login",
        &[],
        always(Part::Manifests, "GET"),
        |_| typed("text/html", b"<!doctype html><title>Log in</title>\n"),
    ),
];
