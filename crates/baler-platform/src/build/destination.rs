//! Where the image of a build goes, and whether it may go there, which is found out before anything is built.

use baler_image::{ImageName, Sink, Target};
use baler_store::{Layout, LayoutError};

use super::request::BuildRequest;
use crate::context::Context;
use crate::places::{Destinations, PublishError, RegistriesError};

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
    #[error("an image cannot be written to '{name}' yet")]
    NoSuchPlace { name: ImageName },
    #[error("when --publish is used, {previous} must be in the same image registry as {image}")]
    OtherRegistry { previous: ImageName, image: ImageName },
}

/// The place of the image.
pub(super) enum Destination {
    Store,
    Layout(Layout),
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
        let name = || request.image.clone();
        match request.image.target() {
            Target::Reference(_) => Ok(Self::Store),
            Target::Layout { path, .. } => Layout::create_or_open(path)
                .map(Self::Layout)
                .map_err(|source| DestinationError::Layout { name: name(), source }),
            Target::Archive { .. } | Target::Daemon { .. } => Err(DestinationError::NoSuchPlace { name: name() }),
        }
    }

    /// The place as a sink, where it is one by itself.
    pub(super) fn sink<'a>(&'a self, context: &'a Context<'a>) -> Result<&'a dyn Sink, &'a Destinations> {
        match self {
            Self::Store => Ok(context.store),
            Self::Layout(layout) => Ok(layout),
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
