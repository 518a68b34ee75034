//! Places of images: from a name to an image, in the local store, in registries, layouts, archives and daemons.
//!
//! | module | owns |
//! |---|---|
//! | `locate` | the one way from a name to an image: which places are asked, in which order, and what is said of it |
//! | `search` | pull policies, and what else decides the order |
//! | `located` | an image that was found, and where its blobs are; why one was not |
//! | `registries` | the client of registries, made when it is first needed |
//! | `daemons` | Docker and Podman, connected to when first needed |
//! | `documents` | a registry's manifests and configs, each fetched once |
//! | `memo` | what one command has found, so that it asks for nothing twice |
//! | `watch` | each step of a resolution, for `baler resolve` |
//! | `publish` | an image into repositories, while it is made |
//! | `pull` | an image of a registry into the local store |
//!
//! A further place is a variant of `baler_image::Target` or of `search::Where`, and of
//! `located::Blobs`; `locate` asks it as it asks the others. A place that could not answer is never one without the image.

mod daemons;
mod documents;
mod locate;
mod located;
mod memo;
mod near;
mod publish;
mod pull;
mod registries;
mod search;
mod tag;
mod watch;

pub use daemons::{Connection, Daemons, DaemonsError};
pub(crate) use locate::describe;
pub use locate::{Asked, Needed, locate, locate_if_any};
pub use located::{LocateError, Located, Looked};
pub use publish::{Destinations, KeepError, Likely, PublishError, Publisher};
pub use registries::{Registries, RegistriesError};
pub use search::{InvalidPullPolicy, PullPolicy, Search};
pub use watch::Watch;

/// The places as one command reaches them, and what it has found there.
pub struct Places {
    registries: Registries,
    daemons: Daemons,
    memo: memo::Memo,
    watch: Option<Watch>,
}

impl Places {
    /// Nothing is looked for yet, and no registry asked.
    pub fn new(registries: Registries) -> Self {
        Self { registries, daemons: Daemons::default(), memo: memo::Memo::default(), watch: None }
    }

    /// With daemons that are reached in this way.
    #[must_use]
    pub fn with_daemons(self, daemons: Daemons) -> Self {
        Self { daemons, ..self }
    }

    /// The daemons.
    pub fn daemons(&self) -> &Daemons {
        &self.daemons
    }

    /// The registries.
    pub fn registries(&self) -> &Registries {
        &self.registries
    }
}
