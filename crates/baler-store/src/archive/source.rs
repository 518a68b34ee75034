//! An archive as a place where images are read from.

use std::collections::BTreeMap;
use std::io::Read;

use baler_image::{ArchiveKind, Descriptor, Digest, Found, ImageName, Place, Source, SourceError, media_type};

use super::Archive;
use super::section::Section;
use crate::blob::{Verified, check_document};
use crate::layout::{Selection, select};

impl Source for Archive {
    fn place(&self) -> Place {
        self.place.clone()
    }

    fn keeps_manifests(&self) -> bool {
        self.kind == ArchiveKind::Oci
    }

    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        match select(&self.contents.listed, name) {
            Selection::Nothing => Ok(None),
            Selection::One(entry) => {
                let (media_type, digest) = (entry.media_type.clone(), entry.digest.clone());
                Ok(Some(Found { media_type, digest, bytes: self.document(entry)? }))
            }
            Selection::All => {
                let (media_type, digest) = (media_type::OCI_INDEX.to_owned(), Digest::of(&self.index));
                Ok(Some(Found { media_type, digest, bytes: self.index.clone() }))
            }
            Selection::Several(names) => Err(SourceError::Ambiguous { place: self.place(), names }),
        }
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        if let Some(document) = self.contents.documents.get(&descriptor.digest) {
            return Ok(document.clone());
        }
        check_document(&self.place, descriptor)?;
        self.verified(descriptor)?.read_all()
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(self.verified(descriptor)?))
    }
}

/// Documents of an image are not larger, but for odd ones.
const USUAL_DOCUMENT: u64 = 1 << 20;

impl Archive {
    /// The manifests, indexes and configs of the archive, as far as they are sound and not of unusual size.
    pub fn documents(&self) -> BTreeMap<Digest, Vec<u8>> {
        let mut documents = self.contents.documents.clone();
        for (digest, extent) in self.contents.blobs.iter().filter(|(_, extent)| extent.size <= USUAL_DOCUMENT) {
            let descriptor = Descriptor::new("", extent.size, digest.clone());
            match self.document(&descriptor) {
                Ok(bytes) if bytes.starts_with(b"{") => drop(documents.insert(digest.clone(), bytes)),
                Ok(_) | Err(_) => {}
            }
        }
        documents
    }

    fn verified(&self, descriptor: &Descriptor) -> Result<Verified<Section>, SourceError> {
        let (place, digest) = (self.place(), descriptor.digest.clone());
        match self.contents.blobs.get(&digest) {
            None => Err(SourceError::AbsentBlob { place, digest }),
            Some(extent) if extent.size != descriptor.size => {
                Err(SourceError::WrongSize { place, digest, size: descriptor.size, found: extent.size })
            }
            Some(extent) => Ok(Verified::new(Section::new(&self.file, *extent), place, descriptor)),
        }
    }
}
