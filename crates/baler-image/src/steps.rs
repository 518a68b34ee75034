//! What is told on the way from a name to an image: for people who ask why it was this image.

use crate::digest::Digest;
use crate::manifest::Descriptor;
use crate::platform::Platform;

/// One step of a resolution, in the order in which they happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolveStep {
    /// The place has a document of this name.
    Found { digest: Digest, media_type: String, size: u64, kind: DocumentKind },
    /// An entry of an index, and what was thought of it.
    Entry { index: Digest, descriptor: Descriptor, verdict: Verdict },
    /// This entry was taken.
    Chosen { digest: Digest, reason: Reason },
    /// The config says what the image is for.
    Config { digest: Digest, platform: Option<Platform> },
    /// It says another platform than the entry that was taken, and there is no other one to take.
    Disagreement(Disagreement),
}

/// An image that an index lists for another platform than it says itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the index {index} lists {digest} for {listed}, but the image itself says that it is for {stated}")]
pub struct Disagreement {
    pub index: Digest,
    pub digest: Digest,
    /// By the entry of the index.
    pub listed: Platform,
    /// By the image's config.
    pub stated: Platform,
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    Manifest,
    Index,
}

/// What an entry of an index is to this resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would do; the lowest rank is the closest (see [`Platform::rank`]).
    Fits { rank: u32 },
    /// It is for another platform.
    OtherPlatform,
    /// It names no platform: its config is asked if nothing else fits.
    WithoutPlatform,
    /// An index in the index.
    Index,
    /// A signature, an attestation, a chart: not an image.
    NoImage,
}

/// Why an entry was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is for the platform that is wanted.
    Exact,
    /// It runs there, and nothing closer is listed.
    Closest,
    /// No entry names the platform that is wanted; the config of this one does.
    Config,
    /// The index lists it for the platform that is wanted, though its config says another one.
    Listed,
}
