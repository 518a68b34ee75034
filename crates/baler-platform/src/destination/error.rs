//! Why an image is not where it was to go.

use std::error::Error;

use baler_image::{Digest, ImageName, InvalidReference, SinkError};
use baler_store::{ArchiveError, LayoutError};

use crate::places::{DaemonsError, KeepError, PublishError};

/// Why an image is not where it was to go.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    #[error("{0}")]
    Publish(#[from] PublishError),
    #[error("could not write the layout of '{name}'")]
    Layout { name: ImageName, source: LayoutError },
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    #[error("{0}")]
    Daemons(#[from] DaemonsError),
    #[error("an image gets its id by what it is: '{name}' cannot be chosen")]
    NoId { name: ImageName },
    #[error("'{name}' is not in the same place as '{first}'")]
    Elsewhere { name: ImageName, first: ImageName },
    #[error("could not write image '{name}'")]
    Name { name: ImageName, source: SinkError },
    #[error("'{name}', as the image of one platform would be called, is no name of an image")]
    PartName { name: String, source: InvalidReference },
    #[error("{0}")]
    NotPublished(#[from] NotPublished),
    #[error("could not keep '{name}' in the local store")]
    Keep { name: ImageName, source: KeepError },
}

impl DestinationError {
    /// The image that is not there, where it is about one.
    pub fn name(&self) -> Option<&ImageName> {
        match self {
            Self::Publish(error) => Some(error.name()?),
            Self::Layout { name, .. }
            | Self::NoId { name }
            | Self::Elsewhere { name, .. }
            | Self::Name { name, .. }
            | Self::Keep { name, .. } => Some(name),
            Self::Archive(_) | Self::Daemons(_) | Self::PartName { .. } | Self::NotPublished(_) => None,
        }
    }
}

/// A finished image that a registry did not take; the local store has it.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct NotPublished {
    pub digest: Digest,
    /// What the local store has it as, for each name that it was not published under.
    pub kept: Vec<Kept>,
    /// Why.
    pub source: Box<dyn Error + Send + Sync>,
}

/// An image of the local store that is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub name: ImageName,
    /// The name in a registry.
    pub refused: ImageName,
    /// The registry, where it was used as an insecure one.
    pub insecure: Option<String>,
}
