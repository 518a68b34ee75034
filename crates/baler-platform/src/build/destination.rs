//! Where the image of a build goes, and whether it may go there, which is found out before anything is built.

use baler_daemon::DaemonSink;
use baler_image::{ImageName, ResolvedImage, Sink, Target};
use baler_store::{ArchiveError, ArchiveSink, Layout, LayoutError};

use super::request::BuildRequest;
use crate::context::Context;
use crate::places::{DaemonsError, Destinations, PublishError, RegistriesError};

/// Why an image cannot be written where it was to go.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    #[error("{0}")]
    Publish(#[from] PublishError),
    #[error("{0}")]
    Registries(#[from] RegistriesError),
    #[error("could not write the layout of '{name}'")]
    Layout { name: ImageName, source: LayoutError },
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    #[error("{0}")]
    Daemons(#[from] DaemonsError),
    #[error("an image gets its id by what it is: '{name}' cannot be chosen")]
    NoId { name: ImageName },
    #[error("when --publish is used, {previous} must be in the same image registry as {image}")]
    OtherRegistry { previous: ImageName, image: ImageName },
}

/// The place of the image.
pub(super) enum Destination {
    Store,
    Layout(Layout),
    Archive(Box<ArchiveSink>),
    Daemon(Box<DaemonSink>),
    Registries(Destinations),
}

impl Destination {
    /// Opens the place, and makes sure that it can be written to.
    pub(super) fn open(context: &Context<'_>, request: &BuildRequest) -> Result<Self, DestinationError> {
        if request.publishes() {
            check_previous(request)?;
            let destinations = Destinations::of(context, &request.names())?;
            destinations.check()?;
            return Ok(Self::Registries(destinations));
        }
        if let Some(engine) = request.daemon() {
            let connection = context.places.daemons().connect(engine, context.store)?;
            return Ok(Self::Daemon(Box::new(connection.sink())));
        }
        let name = || request.image.clone();
        match request.image.target() {
            Target::Reference(_) => Ok(Self::Store),
            Target::Layout { path, .. } => Layout::create_or_open(path)
                .map(Self::Layout)
                .map_err(|source| DestinationError::Layout { name: name(), source }),
            Target::Archive { kind, path, .. } => {
                Ok(Self::Archive(Box::new(ArchiveSink::begin(*kind, path, context.store)?)))
            }
            Target::Daemon { .. } => Err(DestinationError::NoId { name: name() }),
        }
    }

    /// Takes note of images that were found: what a daemon has need not be sent to it.
    pub(super) fn learn(&self, image: &ResolvedImage) {
        if let Self::Daemon(daemon) = self {
            daemon.learn(image);
        }
    }

    /// The place as a sink, where it is one by itself.
    pub(super) fn sink<'a>(&'a self, context: &'a Context<'a>) -> Result<&'a dyn Sink, &'a Destinations> {
        match self {
            Self::Store => Ok(context.store),
            Self::Layout(layout) => Ok(layout),
            Self::Archive(archive) => Ok(archive.as_ref()),
            Self::Daemon(daemon) => Ok(daemon.as_ref()),
            Self::Registries(destinations) => Err(destinations),
        }
    }
}

/// Layers of the previous image are to be taken over where they are.
fn check_previous(request: &BuildRequest) -> Result<(), DestinationError> {
    let Some(previous) = &request.previous_image else { return Ok(()) };
    let registry = |name: &ImageName| name.reference().map(|reference| reference.registry().to_owned());
    if registry(previous) == registry(&request.image) {
        return Ok(());
    }
    Err(DestinationError::OtherRegistry { previous: previous.clone(), image: request.image.clone() })
}
