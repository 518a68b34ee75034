//! Where images are read from: the trait that the local store, layouts, registries and daemons implement.

use std::error::Error;
use std::io::Read;
use std::time::Duration;

use crate::digest::Digest;
use crate::image::Place;
use crate::manifest::Descriptor;
use crate::name::ImageName;
use crate::repository::Repository;

/// A place that holds images. Several threads may read from it at once.
pub trait Source: Sync {
    /// What the place is called.
    fn place(&self) -> Place;

    /// Whether the place keeps manifests. One that does not makes them up from what it has, and knows an image by the
    /// digest of its config.
    fn keeps_manifests(&self) -> bool {
        true
    }

    /// The repository that this is, if it is one: what it has can be mounted in others of its registry.
    fn repository(&self) -> Option<Repository> {
        None
    }

    /// The document that a name points at: a manifest or an index. `None` is said only where the place
    /// answered that it has none; a place that could not answer is an error.
    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError>;

    /// A small document (manifest, index, config), verified against its digest and size.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError>;

    /// A blob's bytes as they are stored. The reader yields an error at the end if they are not those of the digest.
    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError>;
}

/// What a name points at.
#[derive(Clone, Debug)]
pub struct Found {
    /// The media type as the place gives it, empty where it gives none. The document's own word goes before it.
    pub media_type: String,
    pub digest: Digest,
    pub bytes: Vec<u8>,
}

/// Why a place could not give what it was asked for. An absent image is not among these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    #[error("{place} has no blob {digest}")]
    AbsentBlob { place: Place, digest: Digest },
    /// `tries` is how often it was read.
    #[error("blob {digest} in {place} is damaged: its bytes have the digest {found}{}", often(*tries))]
    Corrupt { place: Place, digest: Digest, found: Digest, tries: u32 },
    #[error("blob {digest} in {place} is damaged: it has {found} bytes instead of {size}")]
    WrongSize { place: Place, digest: Digest, size: u64, found: u64 },
    #[error("could not read from {place}")]
    Read { place: Place, source: std::io::Error },
    #[error("{place} is not an OCI layout")]
    NotALayout { place: Place, source: Box<dyn Error + Send + Sync> },
    #[error("{place} holds several images: {}", names.join(", "))]
    Ambiguous { place: Place, names: Vec<String> },
    #[error("{place} was not asked for '{name}': this view of it is of another repository")]
    WrongName { place: Place, name: ImageName },
    /// The place knows who asks, or that nobody is logged in, and says no. It does not say whether there is an image.
    #[error("{place} refused to be read")]
    Refused { place: Place, source: Box<dyn Error + Send + Sync> },
    #[error("could not reach {place}")]
    Unreachable { place: Place, source: Box<dyn Error + Send + Sync> },
    #[error("{place} limits the rate of requests")]
    RateLimited { place: Place, retry_after: Option<Duration>, source: Box<dyn Error + Send + Sync> },
    #[error("{place} ended blob {digest} after {received} of {size} bytes")]
    Truncated { place: Place, digest: Digest, received: u64, size: u64, source: Option<Box<dyn Error + Send + Sync>> },
    /// The place answered, but not with what was asked for.
    #[error("{place} could not answer")]
    Failed { place: Place, source: Box<dyn Error + Send + Sync> },
}

impl SourceError {
    /// Whether a blob that was read to its end was another one, though what the place holds may be right: a registry may
    /// send the right one the next time.
    pub fn is_damage_on_the_way(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { place: Place::Registry(_), .. } | Self::WrongSize { place: Place::Registry(_), .. }
        )
    }

    /// The same error, after so many tries.
    #[must_use]
    pub fn after(self, tries: u32) -> Self {
        match self {
            Self::Corrupt { place, digest, found, .. } => Self::Corrupt { place, digest, found, tries },
            error => error,
        }
    }
}

fn often(tries: u32) -> String {
    if tries > 1 { format!(", at the last of {tries} tries") } else { String::new() }
}
