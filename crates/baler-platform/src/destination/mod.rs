//! Where the image that a command makes or sends goes: the local store, an OCI layout, an archive, a daemon, or the repositories
//! of registries.
//!
//! There is one for all of them: build, rebase, push, `builder create` and packages. It is opened first, and finds out
//! whether one may write there before anything else is done; then it is written to once, as to a [`Sink`]. What differs
//! between the places stays in here: that registries get blobs in parallel while the image is made, that a daemon need not
//! get what it has, and what becomes of an image that a registry refuses when it is finished.

mod delivery;
mod error;
mod kept;
mod several;

use std::error::Error;

use baler_daemon::DaemonSink;
use baler_image::{DaemonImage, ImageName, ResolvedImage, Sink, Target};
use baler_lifecycle::interruptible::InterruptibleSink;
use baler_store::{ArchiveSink, Layout, LayoutDraft};

use crate::context::Context;
use crate::interrupt::Interrupted;
use crate::places::{Destinations, Likely, Located};

pub use delivery::Delivery;
pub use error::{DestinationError, Kept, NotPublished};

/// A place, and the names that an image gets there.
pub(crate) struct Destination<'a> {
    context: &'a Context<'a>,
    names: Vec<ImageName>,
    delivery: Delivery,
    place: Place,
}

enum Place {
    Store,
    Layout(Box<LayoutDraft>),
    Archive(Box<ArchiveSink>),
    Daemon(Box<DaemonSink>),
    Registries(Destinations),
}

/// What is written.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    /// Images that it has blobs of: these need not be sent, or are read where they are.
    pub(crate) known: &'a [&'a Located],
    /// Whether registries have it.
    pub(crate) likely: Likely,
    pub(crate) if_refused: IfRefused,
}

/// What becomes of a finished image that a registry did not take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfRefused {
    /// It was work to make it: the local store keeps it.
    Keep,
    /// It is somewhere else as well, or made again at once.
    Forget,
}

impl<'a> Destination<'a> {
    /// The place of `names`, of which there is at least one. One may write there, as far as can be known before.
    pub(crate) fn open(
        context: &'a Context<'a>,
        names: &[ImageName],
        delivery: Delivery,
    ) -> Result<Self, DestinationError> {
        let destination = Self::unchecked(context, names, delivery)?;
        if let Place::Registries(destinations) = &destination.place {
            destinations.check()?;
        }
        Ok(destination)
    }

    /// The place of `names` for what asks a registry for nothing but what it sends, and soon: no request is made.
    pub(crate) fn unchecked(
        context: &'a Context<'a>,
        names: &[ImageName],
        delivery: Delivery,
    ) -> Result<Self, DestinationError> {
        let first = &names[0];
        let place = match (first.target(), &delivery) {
            (_, Delivery::Registries | Delivery::RegistriesAndStore) => {
                Place::Registries(Destinations::of(context, names)?)
            }
            (Target::Daemon { image: DaemonImage::Id(_), .. }, Delivery::Store | Delivery::Daemon(_)) => {
                return Err(DestinationError::NoId { name: first.clone() });
            }
            (Target::Daemon { engine, image: DaemonImage::Reference(_) }, _)
            | (Target::Reference(_), Delivery::Daemon(engine)) => {
                let connection = context.places.daemons().connect(*engine, context.store)?;
                Place::Daemon(Box::new(connection.sink()))
            }
            (Target::Reference(_), Delivery::Store) => Place::Store,
            (Target::Layout { path, .. }, Delivery::Store | Delivery::Daemon(_)) => {
                let failed = |source| DestinationError::Layout { name: first.clone(), source };
                Place::Layout(Box::new(Layout::begin(path).map_err(failed)?))
            }
            (Target::Archive { kind, path, .. }, Delivery::Store | Delivery::Daemon(_)) => {
                Place::Archive(Box::new(ArchiveSink::begin(*kind, path, context.store)?))
            }
        };
        if let Some(name) = names.iter().find(|name| !is_beside(first, name)) {
            return Err(DestinationError::Elsewhere { name: name.clone(), first: first.clone() });
        }
        Ok(Self { context, names: names.to_vec(), delivery, place })
    }

    /// The name that the image is made under.
    pub(crate) fn name(&self) -> &ImageName {
        &self.names[0]
    }

    /// Lets `work` write the image, and name it.
    pub(crate) fn write<T, E>(
        &self,
        writing: &Writing<'_>,
        work: impl FnOnce(&dyn Sink) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DestinationError> + From<Interrupted> + Error + Send + Sync + 'static,
    {
        let interruptible = |sink: &dyn Sink| {
            let written = work(&InterruptibleSink { sink, stop: self.context.interrupt.clone() });
            self.context.interrupt.check()?;
            written
        };
        let sink: &dyn Sink = match &self.place {
            Place::Registries(destinations) => {
                return destinations.publish(self.context, writing.known, writing.likely, |publisher| {
                    self.conclude(publisher, writing.if_refused, interruptible(publisher))
                });
            }
            Place::Store => self.context.store,
            Place::Layout(layout) => layout.as_ref(),
            Place::Archive(archive) => archive.as_ref(),
            Place::Daemon(daemon) => {
                writing.known.iter().for_each(|located| daemon.learn(&located.image));
                daemon.as_ref()
            }
        };
        interruptible(sink)
    }

    /// Gives an image whose blobs are all there its names. One that is refused does not keep the others from being tried.
    pub(crate) fn put_names(&self, sink: &dyn Sink, image: &ResolvedImage) -> Result<(), DestinationError> {
        let put = |name: &ImageName| {
            let failed = |source| DestinationError::Name { name: name.clone(), source };
            sink.put_image(name, image).map_err(failed)
        };
        let results: Vec<_> = self.names.iter().map(put).collect();
        results.into_iter().collect()
    }
}

/// Whether both names are in the same place.
fn is_beside(first: &ImageName, other: &ImageName) -> bool {
    match (first.target(), other.target()) {
        (Target::Reference(_), Target::Reference(_)) => true,
        (Target::Layout { path, .. }, Target::Layout { path: other, .. }) => path == other,
        (Target::Archive { kind, path, .. }, Target::Archive { kind: other_kind, path: other, .. }) => {
            (kind, path) == (other_kind, other)
        }
        (Target::Daemon { engine, .. }, Target::Daemon { engine: other, image: DaemonImage::Reference(_) }) => {
            engine == other
        }
        (
            Target::Reference(_) | Target::Layout { .. } | Target::Archive { .. } | Target::Daemon { .. },
            Target::Reference(_) | Target::Layout { .. } | Target::Archive { .. } | Target::Daemon { .. },
        ) => false,
    }
}
