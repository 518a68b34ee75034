//! The store as a place where images are read from.

use std::io::{self, Read};

use baler_image::{Descriptor, Digest, Found, ImageName, Place, Reference, Source, SourceError};

use crate::blob;
use crate::record::RecordError;
use crate::session::Pin;
use crate::store::Store;

impl Source for Store {
    fn place(&self) -> Place {
        Place::Store
    }

    /// A digest is found whatever the repository is called: what has it is the same everywhere.
    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        let Some(reference) = name.reference() else { return Ok(None) };
        match reference.digest() {
            Some(digest) => self.find_digest(reference, digest),
            None => self.find_name(reference),
        }
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        blob::document(self.root(), &Place::Store, descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(blob::open(self.root(), &Place::Store, descriptor)?))
    }
}

impl Store {
    /// An image found is one that this process is going to use: it is kept from garbage collection.
    fn found(&self, descriptor: &Descriptor) -> Result<Found, SourceError> {
        let pinned = || self.session()?.pinned(Pin::Blob(descriptor.digest.clone()), || Ok(()));
        pinned().map_err(|source| SourceError::Read { place: Place::Store, source })?;
        let bytes = self.document(descriptor)?;
        Ok(Found { media_type: descriptor.media_type.clone(), digest: descriptor.digest.clone(), bytes })
    }

    /// Between reading what a name points at and pinning that, another process may let the name point elsewhere and
    /// remove what it pointed at. Then it is read again.
    fn find_name(&self, reference: &Reference) -> Result<Option<Found>, SourceError> {
        let mut image = self.image(reference).map_err(read_failed)?;
        loop {
            let Some(current) = image else { return Ok(None) };
            match self.found(&current.descriptor) {
                Err(SourceError::AbsentBlob { place, digest }) => {
                    image = self.image(reference).map_err(read_failed)?;
                    if image.as_ref().is_some_and(|again| again.descriptor == current.descriptor) {
                        return Err(SourceError::AbsentBlob { place, digest });
                    }
                }
                found => return found.map(Some),
            }
        }
    }

    /// Looks for a document of this digest, then for an image that was chosen from the index of this digest.
    fn find_digest(&self, reference: &Reference, digest: &Digest) -> Result<Option<Found>, SourceError> {
        match fs_err::metadata(blob::path(self.root(), digest)) {
            Ok(metadata) => return self.found(&Descriptor::new("", metadata.len(), digest.clone())).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(SourceError::Read { place: Place::Store, source }),
        }
        let images = self.images().map_err(read_failed)?;
        let is_it = |reference: &Reference, digest: Option<&Digest>, wanted: &Reference, index: &Digest| {
            digest == Some(index) && reference.full_repository() == wanted.full_repository()
        };
        let image = images.iter().find(|image| is_it(&image.reference, image.index_digest.as_ref(), reference, digest));
        image.map(|image| self.found(&image.descriptor)).transpose()
    }
}

fn read_failed(error: RecordError) -> SourceError {
    SourceError::Read { place: Place::Store, source: io::Error::other(error) }
}
