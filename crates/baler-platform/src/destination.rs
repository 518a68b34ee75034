//! Where builders and packages are written to: the local store, an OCI layout, or a registry.

use baler_image::{ImageName, ResolvedImage, Sink, SinkError, Target};
use baler_registry::{RegistrySink, RegistrySource};
use baler_store::{CopyError, Layout, LayoutError, copy_image};

use crate::context::Context;
use crate::places::RegistriesError;

/// A place that is written to, and the names that an image gets there.
pub(crate) struct Destination<'a> {
    context: &'a Context<'a>,
    names: &'a [ImageName],
    place: Place,
}

enum Place {
    Store,
    Layout(Layout),
    Registry(Box<RegistrySink>),
}

/// Why a place cannot be written to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    #[error("'{name}' is not the name of an image in a registry")]
    NotInRegistry { name: ImageName },
    #[error("'{name}' cannot be written to: name an image, or an OCI layout with oci:PATH")]
    NoSuchPlace { name: ImageName },
    #[error("'{name}' is not in the same place as '{first}'")]
    Elsewhere { name: ImageName, first: ImageName },
    #[error("failed to ensure registry read/write access to {name}")]
    NoAccess { name: ImageName, source: SinkError },
    #[error("{0}")]
    Registries(#[from] RegistriesError),
    #[error("{0}")]
    Layout(#[from] LayoutError),
    #[error("could not write image '{name}'")]
    Name { name: ImageName, source: SinkError },
    #[error("could not copy image '{name}'")]
    Copy { name: ImageName, source: CopyError },
}

impl<'a> Destination<'a> {
    /// The place of `names`, of which there is at least one: a registry where they are to be published. One may write
    /// there, as far as can be known before.
    pub(crate) fn open(
        context: &'a Context<'a>,
        names: &'a [ImageName],
        is_published: bool,
    ) -> Result<Self, DestinationError> {
        let first = &names[0];
        let place = match first.target() {
            Target::Reference(reference) if is_published => {
                let sink = context.places.registries().sink(reference)?;
                let name = || first.clone();
                sink.check_push().map_err(|source| DestinationError::NoAccess { name: name(), source })?;
                Place::Registry(Box::new(sink))
            }
            Target::Reference(_) => Place::Store,
            Target::Layout { .. } | Target::Archive { .. } | Target::Daemon { .. } if is_published => {
                return Err(DestinationError::NotInRegistry { name: first.clone() });
            }
            Target::Layout { path, .. } => Place::Layout(Layout::create_or_open(path)?),
            Target::Archive { .. } | Target::Daemon { .. } => {
                return Err(DestinationError::NoSuchPlace { name: first.clone() });
            }
        };
        let is_other_kind = |name: &&ImageName| name.reference().is_some() != first.reference().is_some();
        if let Some(name) = names.iter().find(is_other_kind) {
            return Err(DestinationError::Elsewhere { name: name.clone(), first: first.clone() });
        }
        Ok(Self { context, names, place })
    }

    /// What blobs are written to.
    pub(crate) fn sink(&self) -> &dyn Sink {
        match &self.place {
            Place::Store => self.context.store,
            Place::Layout(layout) => layout,
            Place::Registry(sink) => sink.as_ref(),
        }
    }

    /// The name that the image is made under; the others come afterwards.
    pub(crate) fn name(&self) -> &ImageName {
        &self.names[0]
    }

    /// Gives the image, which is there under its first name, the others.
    pub(crate) fn name_again(&self, image: &ResolvedImage) -> Result<(), DestinationError> {
        for name in &self.names[1..] {
            match (&self.place, self.name().reference(), name.reference()) {
                (Place::Registry(sink), Some(from), Some(to)) if sink.repository() != &to.into() => {
                    let registries = self.context.places.registries();
                    let (source, sink): (RegistrySource, _) = (registries.source(from)?, registries.sink(to)?);
                    let copied = copy_image(image, &source, &sink, name, &|_| ());
                    copied.map_err(|source| DestinationError::Copy { name: name.clone(), source })?;
                }
                (Place::Store | Place::Layout(_) | Place::Registry(_), _, _) => {
                    let named = self.sink().put_image(name, image);
                    named.map_err(|source| DestinationError::Name { name: name.clone(), source })?;
                }
            }
        }
        Ok(())
    }
}
