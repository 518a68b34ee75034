//! A layout as a place where images are read from.

use std::io::Read;

use baler_image::{Descriptor, Digest, Found, ImageName, Place, Reference, Source, SourceError, Target, media_type};

use super::index::names_of;
use super::{Layout, LayoutError};
use crate::blob;

/// What an image is looked for by.
enum Wanted<'a> {
    Only,
    Named(&'a str),
    Reference(&'a Reference),
}

impl Source for Layout {
    fn place(&self) -> Place {
        self.place()
    }

    /// Without a name it is the only image. Where no image has a name, the layout's index is one of one image for
    /// several platforms.
    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        let bytes = self.read_index().map_err(|error| self.failed(error))?;
        let entries = self.parse(&bytes).map_err(|error| self.failed(error))?.manifests;
        let wanted = match name.target() {
            Target::Reference(reference) => Wanted::Reference(reference),
            Target::Layout { name: Some(name), .. } | Target::Archive { name: Some(name), .. } => Wanted::Named(name),
            Target::Layout { name: None, .. } | Target::Archive { name: None, .. } => Wanted::Only,
            // What a daemon has is not here.
            Target::Daemon { .. } => return Ok(None),
        };
        let mut matching: Vec<&Descriptor> = entries.iter().filter(|entry| wanted.is_met_by(entry)).collect();
        matching.dedup_by(|one, other| one.digest == other.digest);
        match matching[..] {
            [] => Ok(None),
            [entry] => {
                let (media_type, digest) = (entry.media_type.clone(), entry.digest.clone());
                Ok(Some(Found { media_type, digest, bytes: Source::document(self, entry)? }))
            }
            _ if is_one_image(&matching) => {
                let (media_type, digest) = (media_type::OCI_INDEX.to_owned(), Digest::of(&bytes));
                Ok(Some(Found { media_type, digest, bytes }))
            }
            _ => {
                let names = matching.into_iter().map(describe).collect();
                Err(SourceError::Ambiguous { place: self.place(), names })
            }
        }
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        blob::document(&self.root, &self.place(), descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(blob::open(&self.root, &self.place(), descriptor)?))
    }
}

impl Wanted<'_> {
    fn is_met_by(&self, entry: &Descriptor) -> bool {
        match self {
            Self::Only => true,
            Self::Named(wanted) => names_of(entry).any(|name| name == *wanted),
            Self::Reference(reference) => match reference.digest() {
                Some(digest) => entry.digest == *digest,
                None => names_of(entry).any(|name| {
                    Some(name) == reference.tag() || name.parse::<Reference>().is_ok_and(|named| named == **reference)
                }),
            },
        }
    }
}

/// Whether entries are the platforms of one image: none has a name, and each says which platform it is for.
fn is_one_image(entries: &[&Descriptor]) -> bool {
    entries.iter().all(|entry| names_of(entry).next().is_none() && entry.platform.is_some())
}

fn describe(entry: &Descriptor) -> String {
    names_of(entry).next().map_or_else(|| entry.digest.to_string(), str::to_owned)
}

impl Layout {
    fn failed(&self, error: LayoutError) -> SourceError {
        let place = self.place();
        match error {
            LayoutError::Read { source, .. } | LayoutError::Make { source, .. } => SourceError::Read { place, source },
            LayoutError::Absent { .. } | LayoutError::NotALayout { .. } | LayoutError::OtherVersion { .. } => {
                SourceError::NotALayout { place, source: error.into() }
            }
        }
    }
}
