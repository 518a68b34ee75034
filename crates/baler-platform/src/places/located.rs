//! An image that was found and where its blobs are, or why none was.

use std::sync::Arc;

use baler_image::{ImageName, Place, Platform, ResolveError, ResolvedImage, SinkError, Source, SourceError};
use baler_registry::{RegistrySource, Repository, Tags};
use baler_store::{Archive, ArchiveError, CopyError, Layout, LayoutError, Store};

use super::daemons::{Connection, DaemonsError};
use super::registries::RegistriesError;
use crate::interrupt::Interrupted;

/// An image, and where its blobs are read from.
#[derive(Clone)]
pub struct Located {
    pub image: ResolvedImage,
    pub(super) blobs: Blobs,
}

/// Where the blobs of an image are.
#[derive(Clone)]
pub(super) enum Blobs {
    Store,
    Layout(Layout),
    Archive(Arc<Archive>),
    Daemon(Arc<Connection>),
    /// They are read when they are wanted.
    Registry(Arc<RegistrySource>),
}

impl Blobs {
    pub(super) fn source<'a>(&'a self, store: &'a Store) -> &'a (dyn Source + Sync) {
        match self {
            Self::Store => store,
            Self::Layout(layout) => layout,
            Self::Archive(archive) => archive.as_ref(),
            Self::Daemon(connection) => connection.source().as_ref(),
            Self::Registry(source) => source.as_ref(),
        }
    }
}

impl Located {
    /// The place that has the image's blobs.
    pub fn source<'a>(&'a self, store: &'a Store) -> &'a (dyn Source + Sync) {
        self.blobs.source(store)
    }

    /// The repository that the blobs are in, if they are in a registry.
    pub fn repository(&self) -> Option<&Repository> {
        match &self.blobs {
            Blobs::Registry(source) => Some(source.as_ref().repository()),
            Blobs::Store | Blobs::Layout(_) | Blobs::Archive(_) | Blobs::Daemon(_) => None,
        }
    }
}

/// A place that was asked and does not have the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    pub place: Place,
    /// The platforms that it has the image for, if it has it at all.
    pub has: Vec<Platform>,
    /// The tags that it has instead, where it says so.
    pub tags: Tags,
    /// Names of the local store that are like the one that was asked for, the nearest first.
    pub names: Vec<String>,
}

impl Looked {
    /// Nothing is known beside that the image is not there.
    pub(super) fn without_more(place: Place) -> Self {
        Self { place, has: Vec::new(), tags: Tags::Unknown, names: Vec::new() }
    }
}

/// Why an image could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// No place that was asked has it.
    #[error("image '{name}' does not exist in {}", listed(looked))]
    Absent { name: ImageName, looked: Vec<Looked> },
    #[error("could not see whether the layers of an image are here")]
    Look { source: SinkError },
    /// The places in `looked` do not have it, and of a further one it is not known.
    #[error("image '{name}' is not in {}, and could not be fetched", listed(looked))]
    NotHere { name: ImageName, looked: Vec<Looked>, source: Box<Self> },
    #[error("{0}")]
    Resolve(#[from] ResolveError),
    #[error("{0}")]
    Layout(#[from] LayoutError),
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    #[error("{0}")]
    Daemons(#[from] DaemonsError),
    #[error("{0}")]
    Registries(#[from] RegistriesError),
    #[error("could not pull image '{name}'")]
    Pull { name: ImageName, source: CopyError },
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}

fn listed(looked: &[Looked]) -> String {
    looked.iter().map(|looked| looked.place.to_string()).collect::<Vec<_>>().join(" or ")
}

impl LocateError {
    /// The image that was looked for, where it is about one.
    pub fn name(&self) -> Option<&ImageName> {
        match self {
            Self::Absent { name, .. } | Self::NotHere { name, .. } | Self::Pull { name, .. } => Some(name),
            Self::Resolve(error) => Some(error.name()),
            Self::Look { .. }
            | Self::Layout(_)
            | Self::Archive(_)
            | Self::Daemons(_)
            | Self::Registries(_)
            | Self::Interrupted(_) => None,
        }
    }

    /// Whether every place that was asked has answered that it has no such image.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }

    /// Whether the image is there for other platforms only.
    pub fn is_other_platform(&self) -> bool {
        matches!(self, Self::Resolve(ResolveError::NoPlatform { .. } | ResolveError::Disagreement { .. }))
    }

    /// Whether the place did not say if it has the image, because of who asked.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Self::Resolve(ResolveError::Source { source: SourceError::Refused { .. }, .. }))
    }
}
