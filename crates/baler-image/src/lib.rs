//! OCI images as values: reference, digest, platform, index, manifest, config; and the one way to resolve a reference.
//!
//! Start at [`resolve`]: it turns an [`ImageName`] into a [`ResolvedImage`], which is what every phase works with.
//! Documents keep the bytes that they were read from; nothing is serialised again that was not changed.

mod again;
mod config;
mod digest;
#[doc(hidden)]
pub mod fuzzing;
mod image;
mod manifest;
pub mod media_type;
mod name;
mod platform;
mod reference;
mod repository;
mod resolve;
mod sink;
mod source;
mod steps;
mod transfer;

pub use again::read_again;
pub use config::{History, ImageConfig, RootFs, RuntimeConfig};
pub use digest::{Algorithm, Digest, InvalidDigest};
pub use image::{Document, Identity, Layer, LayerCountMismatch, Parts, Place, ResolvedImage};
pub use manifest::{Descriptor, Index, Manifest};
pub use name::{ArchiveKind, DaemonImage, Engine, ImageName, Target};
pub use platform::{InvalidPlatform, Platform};
pub use reference::{DEFAULT_REGISTRY, InvalidReference, Reference};
pub use repository::Repository;
pub use resolve::{ResolveError, Wanted, resolve, resolve_and_tell};
pub use sink::{BlobWriter, Mounted, Sink, SinkError};
pub use source::{Found, Source, SourceError};
pub use steps::{Disagreement, DocumentKind, Reason, ResolveStep, Verdict};
pub use transfer::{Progress, TransferError, Transferred, transfer};
