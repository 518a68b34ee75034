//! A layout as a place where images are read from.

use std::io::Read;

use baler_image::{Descriptor, Digest, Found, ImageName, Place, Source, SourceError, media_type};

use super::select::{Listed, Selection, select};
use super::{Layout, LayoutError};
use crate::blob;

impl Source for Layout {
    fn place(&self) -> Place {
        self.place()
    }

    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        let bytes = self.read_index().map_err(|error| self.failed(error))?;
        let entries = self.parse(&bytes).map_err(|error| self.failed(error))?.manifests;
        let listed: Vec<Listed> = entries.into_iter().map(Listed::new).collect();
        match select(&listed, name) {
            Selection::Nothing => Ok(None),
            Selection::One(entry) => {
                let (media_type, digest) = (entry.media_type.clone(), entry.digest.clone());
                Ok(Some(Found { media_type, digest, bytes: Source::document(self, entry)? }))
            }
            Selection::All => {
                let (media_type, digest) = (media_type::OCI_INDEX.to_owned(), Digest::of(&bytes));
                Ok(Some(Found { media_type, digest, bytes }))
            }
            Selection::Several(names) => Err(SourceError::Ambiguous { place: self.place(), names }),
        }
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        blob::document(&self.root, &self.place(), descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(blob::open(&self.root, &self.place(), descriptor)?))
    }
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
