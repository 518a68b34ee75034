//! Publishing: an image goes to one or several repositories while it is being made.
//!
//! New blobs are collected in the local store, since only then their digest is known and they can be sent again from the
//! beginning; each is sent as soon as it is complete, several at once. A long one that is new for certain follows its file
//! in the store to the registry while that grows (`stream`). What a repository has is not sent, and what
//! another one of the same registry has is mounted. A name is given when all blobs are there. A repository that does not
//! take a blob gets no other and no name; the image is finished all the same, for the other repositories and for the store.

mod job;
mod keep;
mod queue;
mod sink;
mod stream;

use baler_image::{ImageName, Reference, SinkError};
use baler_registry::{RegistrySink, Repository};

use super::located::Located;
use super::registries::RegistriesError;
use crate::context::Context;

pub use keep::KeepError;
pub use sink::Publisher;

/// Blobs are sent so many at a time: enough that waiting for one does not hold up the others.
const PARALLEL: usize = 4;

/// The repositories that an image gets its names in.
pub struct Destinations {
    /// The first is that of the image itself.
    repositories: Vec<Destination>,
}

struct Destination {
    sink: RegistrySink,
    /// The first of the names there, for who reads of it.
    name: ImageName,
}

/// What is to be expected of registries, which decides whether they are asked for short blobs before these are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likely {
    /// The image was made just now: to ask for what is short takes as many requests as to send it.
    New,
    /// It may have been sent before: a blob that is asked for need not be sent.
    There,
}

/// Why an image cannot be published under a name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    #[error("'{name}' is not the name of an image in a registry")]
    NotInRegistry { name: ImageName },
    #[error("'{name}' is not a tag reference")]
    NotATag { name: ImageName },
    #[error("failed to ensure registry read/write access to {name}")]
    NoAccess { name: ImageName, source: SinkError },
    #[error("{0}")]
    Registries(#[from] RegistriesError),
}

impl PublishError {
    /// The image that cannot be published, where it is about one.
    pub fn name(&self) -> Option<&ImageName> {
        match self {
            Self::NotInRegistry { name } | Self::NotATag { name } | Self::NoAccess { name, .. } => Some(name),
            Self::Registries(_) => None,
        }
    }
}

impl Destinations {
    /// The repositories of `names`, which are tags; at least one. No request is made.
    pub fn of(context: &Context<'_>, names: &[ImageName]) -> Result<Self, PublishError> {
        let mut repositories: Vec<Destination> = Vec::new();
        for name in names {
            let reference = tag(name)?;
            let repository = Repository::from(reference);
            if !repositories.iter().any(|other| *other.sink.repository() == repository) {
                let sink = context.places.registries().sink(reference)?;
                repositories.push(Destination { sink, name: name.clone() });
            }
        }
        Ok(Self { repositories })
    }

    /// Fails unless one may push to all of them.
    pub fn check(&self) -> Result<(), PublishError> {
        self.repositories.iter().try_for_each(|Destination { sink, name }| {
            sink.check_push().map_err(|source| PublishError::NoAccess { name: name.clone(), source })
        })
    }

    /// Lets `work` write an image to them. What the images of `known` have need not be sent, or is read where they are.
    pub fn publish<T>(
        &self,
        context: &Context<'_>,
        known: &[&Located],
        likely: Likely,
        work: impl FnOnce(&Publisher<'_>) -> T,
    ) -> T {
        let publisher = Publisher::new(context, &self.repositories, known, likely);
        std::thread::scope(|scope| {
            let _closing = publisher.closing();
            for _ in 0..PARALLEL {
                scope.spawn(|| publisher.serve());
            }
            work(&publisher)
        })
    }
}

fn tag(name: &ImageName) -> Result<&Reference, PublishError> {
    let reference = name.reference().ok_or_else(|| PublishError::NotInRegistry { name: name.clone() })?;
    if reference.digest().is_some() { Err(PublishError::NotATag { name: name.clone() }) } else { Ok(reference) }
}
