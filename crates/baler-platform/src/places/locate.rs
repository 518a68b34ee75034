//! From a name to an image, once in a command. What was looked at, where, and why something was fetched is told at the
//! level `Debug`.

use std::path::Path;
use std::sync::Arc;

use baler_image::{ArchiveKind, ImageName, Place, Reference, ResolveError, ResolvedImage, Sink as _, Target, Wanted};
use baler_store::{Archive, ArchiveError, Layout, LayoutError, Store};

use super::documents::Documents;
use super::located::{Blobs, LocateError, Located, Looked};
use super::memo::Key;
use super::near;
use super::pull::pull;
use super::search::{Search, Where};
use super::tag::warn_of_tag;
use crate::context::Context;
use crate::output::{Level, chain};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What the image is for, for who reads along: `builder`, `run image`.
    pub role: &'a str,
    pub name: &'a ImageName,
    pub wanted: &'a Wanted,
    pub search: Search,
    pub needed: Needed,
}

/// What is needed of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// Manifest and config. Blobs stay where they are, and are read there if they are wanted after all.
    Documents,
    /// Its layers too: what a registry has is pulled into the local store.
    Layers,
}

/// Finds the image that a name stands for. A path is looked at each time; a reference is looked for once in a command.
/// A place that does not have it is asked what it has instead.
pub fn locate(context: &Context<'_>, asked: &Asked<'_>) -> Result<Located, LocateError> {
    search(context, asked).map_err(|error| match (error, asked.name.reference()) {
        (LocateError::Absent { name, looked }, Some(reference)) => {
            LocateError::Absent { name, looked: near::with_more(context, looked, reference) }
        }
        (LocateError::NotHere { name, looked, source }, Some(reference)) => {
            LocateError::NotHere { name, looked: near::with_more(context, looked, reference), source }
        }
        (error, _) => error,
    })
}

/// The image that a name stands for, if there is one for the platform that is wanted.
pub fn locate_if_any(context: &Context<'_>, asked: &Asked<'_>) -> Result<Option<Located>, LocateError> {
    match search(context, asked) {
        Ok(located) => Ok(Some(located)),
        Err(error) if error.is_absent() || error.is_other_platform() => Ok(None),
        Err(error) => Err(error),
    }
}

fn search(context: &Context<'_>, asked: &Asked<'_>) -> Result<Located, LocateError> {
    let reference = match asked.name.target() {
        Target::Layout { path, .. } => return in_layout(context, asked, path),
        Target::Reference(reference) => reference,
        Target::Archive { kind, path, .. } => return in_archive(context, asked, *kind, path),
        Target::Daemon { engine, .. } => {
            let connection = context.places.daemons().connect(*engine, context.store)?;
            return at_path(context, asked, Blobs::Daemon(connection));
        }
    };
    let (platform, is_exact) = match asked.wanted {
        Wanted::Exactly(platform) => (platform.clone(), true),
        Wanted::Preferably(platform) => (platform.clone(), false),
    };
    let key = Key { reference: reference.to_string(), platform, is_exact, search: asked.search };
    let find = |known: Option<Located>| {
        let located = match known {
            Some(located) => located,
            None => Looking { context, asked, reference }.search()?,
        };
        match (&located.blobs, asked.needed) {
            (Blobs::Registry(source), Needed::Layers) => {
                let source = Arc::clone(source);
                pull(context, located.image, &source, asked.name)
            }
            (
                Blobs::Registry(_) | Blobs::Store | Blobs::Layout(_) | Blobs::Archive(_) | Blobs::Daemon(_),
                Needed::Documents | Needed::Layers,
            ) => Ok(located),
        }
    };
    let located = context.places.memo.image(key, find)?;
    Ok(Located { image: located.image.clone().named(asked.name.clone()), ..located })
}

/// What the name itself says the place of.
fn at_path(context: &Context<'_>, asked: &Asked<'_>, blobs: Blobs) -> Result<Located, LocateError> {
    let resolved = context.places.resolve(asked.name, asked.wanted, blobs.source(context.store), context.output);
    match resolved {
        Ok(image) => {
            tell(context, &format!("{} '{}': {}", asked.role, asked.name, describe(&image)));
            Ok(Located { image, blobs })
        }
        Err(ResolveError::NotFound { place, .. }) => Err(absent(asked, place)),
        Err(error) => Err(error.into()),
    }
}

fn has_layers(store: &Store, image: &ResolvedImage) -> Result<bool, LocateError> {
    for layer in image.layers() {
        if !store.has_blob(&layer.descriptor.digest).map_err(|source| LocateError::Look { source })? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn absent(asked: &Asked<'_>, place: Place) -> LocateError {
    LocateError::Absent { name: asked.name.clone(), looked: vec![Looked::without_more(place)] }
}

fn in_layout(context: &Context<'_>, asked: &Asked<'_>, path: &Path) -> Result<Located, LocateError> {
    match Layout::open(path) {
        Ok(layout) => at_path(context, asked, Blobs::Layout(layout)),
        Err(LayoutError::Absent { root }) => Err(absent(asked, Place::Layout(root))),
        Err(error) => Err(error.into()),
    }
}

fn in_archive(
    context: &Context<'_>,
    asked: &Asked<'_>,
    kind: ArchiveKind,
    path: &Path,
) -> Result<Located, LocateError> {
    match Archive::open(path, Some(kind), context.store) {
        Ok(archive) => at_path(context, asked, Blobs::Archive(Arc::new(archive))),
        Err(ArchiveError::Absent { path }) => Err(absent(asked, Place::Archive { kind, path })),
        Err(error) => Err(error.into()),
    }
}

fn tell(context: &Context<'_>, text: &str) {
    context.output.line(Level::Debug, text);
}

/// Where an image was found, and which it is.
pub(crate) fn describe(image: &ResolvedImage) -> String {
    let through = image.index_digest().map(|digest| format!(", chosen from index {digest}")).unwrap_or_default();
    format!("found in {}: {} for {}{through}", image.place(), image.digest(), image.platform())
}

/// One search for a reference.
struct Looking<'a> {
    context: &'a Context<'a>,
    asked: &'a Asked<'a>,
    reference: &'a Reference,
}

impl Looking<'_> {
    fn search(&self) -> Result<Located, LocateError> {
        let places = self.asked.search.places(self.reference, self.context.places.daemons().local());
        let (mut looked, mut held) = (Vec::new(), None);
        for (index, place) in places.iter().enumerate() {
            match self.at(*place) {
                Ok(located) => {
                    self.conclude(held.as_ref(), &places[index + 1..]);
                    return Ok(located);
                }
                Err(LocateError::Resolve(ResolveError::NotFound { place, .. })) => {
                    self.tell(&format!("{place} does not have it"));
                    looked.push(Looked::without_more(place));
                }
                // The next place may have it for the platform that is wanted, or not mind who asks.
                Err(error) if error.is_other_platform() || error.is_refused() => {
                    self.tell(&chain(&error));
                    held = Some(error);
                }
                Err(error) => {
                    let Some(held) = held else { return Err(self.failed(Some(error), looked)) };
                    self.context.output.line(Level::Warning, &chain(&error));
                    return Err(held);
                }
            }
        }
        Err(self.failed(held, looked))
    }

    fn failed(&self, error: Option<LocateError>, looked: Vec<Looked>) -> LocateError {
        let name = self.asked.name.clone();
        match error {
            None => LocateError::Absent { name, looked },
            Some(error) if looked.is_empty() || error.is_other_platform() => error,
            Some(error) => LocateError::NotHere { name, looked, source: Box::new(error) },
        }
    }

    /// Why this place, and not another.
    fn conclude(&self, held: Option<&LocateError>, others: &[Where]) {
        if let Some(refused) = held.filter(|error| error.is_refused()) {
            let text =
                format!("the {} '{}' that is here is used: {}", self.asked.role, self.asked.name, chain(refused));
            self.context.output.line(Level::Warning, &text);
        }
        if others.contains(&Where::Registry) {
            self.tell(&format!("{} is not asked", Place::Registry(self.reference.registry().to_owned())));
        }
    }

    fn tell(&self, text: &str) {
        let Asked { role, name, search, .. } = self.asked;
        tell(self.context, &format!("{role} '{name}' ({search}): {text}"));
    }

    fn at(&self, place: Where) -> Result<Located, LocateError> {
        let Asked { name, wanted, .. } = self.asked;
        let located = match place {
            Where::Store => {
                let image = self.context.places.resolve(name, wanted, self.context.store, self.context.output)?;
                if self.reference.digest().is_some() && !has_layers(self.context.store, &image)? {
                    // Documents of registries are kept by their digests, so that they need not be fetched again.
                    self.tell("the local store has only its documents");
                    return Err(ResolveError::NotFound { name: (*name).clone(), place: Place::Store }.into());
                }
                // Pruning by age would come a little early; no reason not to use the image.
                let _ = self.context.store.note_use(self.reference);
                Located { image, blobs: Blobs::Store }
            }
            Where::Daemon(engine) => {
                let connection = self.context.places.daemons().connect(engine, self.context.store)?;
                let image =
                    self.context.places.resolve(name, wanted, connection.source().as_ref(), self.context.output)?;
                Located { image, blobs: Blobs::Daemon(connection) }
            }
            Where::Registry => {
                let places = &self.context.places;
                let registry = places.registries.source(self.reference)?;
                let documents = Documents { registry: &registry, store: self.context.store, memo: &places.memo };
                let image = places.resolve(name, wanted, &documents, self.context.output)?;
                warn_of_tag(self.context, name, self.reference, &registry);
                Located { image, blobs: Blobs::Registry(Arc::new(registry)) }
            }
        };
        self.tell(&describe(&located.image));
        Ok(located)
    }
}
