//! Where images are written to: the trait that the local store, layouts and registries implement.

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use crate::digest::Digest;
use crate::image::{Identity, Place, ResolvedImage};
use crate::manifest::Descriptor;
use crate::name::ImageName;
use crate::repository::Repository;

/// A place that takes images. A blob is there as a whole or not at all; so is an image.
pub trait Sink: Sync {
    /// What the place is called.
    fn place(&self) -> Place;

    /// Whether the place keeps manifests. One that does not knows an image by the digest of its config.
    fn keeps_manifests(&self) -> bool {
        true
    }

    /// What the place knows an image by.
    fn identity(&self, manifest: &Digest, config: &Digest) -> Identity {
        if self.keeps_manifests() { Identity::Manifest(manifest.clone()) } else { Identity::ImageId(config.clone()) }
    }

    /// Where blobs are kept on their way: in the place itself, unless it collects them elsewhere.
    fn staging(&self) -> Place {
        self.place()
    }

    /// Whether a blob is there already.
    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError>;

    /// The repository that this is, if it is one.
    fn repository(&self) -> Option<Repository> {
        None
    }

    /// Takes a blob over from another repository without its being sent, where the place can do that.
    fn mount_blob(&self, _digest: &Digest, _from: &Repository) -> Result<Mounted, SinkError> {
        Ok(Mounted::No)
    }

    /// Begins a blob of yet unknown digest.
    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError>;

    /// The same for a blob that is nowhere yet, as far as is known: it may be on its way before it is complete.
    fn begin_new_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        self.begin_blob()
    }

    /// Whether it is: who knows that a blob is new has it there earlier.
    fn sends_new_blobs_early(&self) -> bool {
        false
    }

    /// Names a manifest or index whose blobs are all there.
    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError>;

    /// Names an image whose blobs are all there. A place that can keeps the digest of the index that it came from.
    fn put_image(&self, name: &ImageName, image: &ResolvedImage) -> Result<(), SinkError> {
        self.put_document(name, &image.descriptor(), &image.manifest().raw)
    }
}

/// What became of the wish to have a blob of another repository.
pub enum Mounted {
    /// It is there.
    Done,
    /// The registry began an upload instead: write the blob to it.
    Upload(Box<dyn BlobWriter>),
    /// It would not; begin the blob as usual.
    No,
}

/// A blob that is being written. Dropped without a commit, it leaves nothing.
pub trait BlobWriter: Write + Send {
    /// Puts the blob in its place. `digest` and `size` are those of the bytes written; the writer may rely on them.
    fn commit(self: Box<Self>, digest: &Digest, size: u64) -> Result<(), SinkError>;
}

/// Why a place did not take what it was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    #[error("could not write blob {digest} to {place}")]
    WriteBlob { place: Place, digest: Digest, source: io::Error },
    #[error("could not begin a blob in {place}")]
    BeginBlob { place: Place, source: io::Error },
    #[error("could not write image '{name}' to {place}")]
    WriteImage { place: Place, name: ImageName, source: io::Error },
    #[error("could not write image '{name}' to {place}: blob {digest} is missing there")]
    MissingBlob { place: Place, name: ImageName, digest: Digest },
    #[error("{place} cannot hold an image of the name '{name}'")]
    WrongName { place: Place, name: ImageName },
    #[error("{place} refused to be written to")]
    Refused { place: Place, source: Box<dyn Error + Send + Sync> },
    #[error("could not reach {place}")]
    Unreachable { place: Place, source: Box<dyn Error + Send + Sync> },
    #[error("{place} limits the rate of requests")]
    RateLimited { place: Place, retry_after: Option<Duration>, source: Box<dyn Error + Send + Sync> },
    /// What was sent is lost; the blob must be sent again from its beginning.
    #[error("{place} forgot an upload after {sent} bytes")]
    LostUpload { place: Place, sent: u64 },
    /// The place answered, but did not take what it was given.
    #[error("{place} could not take what it was sent")]
    Failed { place: Place, source: Box<dyn Error + Send + Sync> },
}
