//! A registry as the place of documents: manifests and configs that are known by their digest are not fetched again.

use std::io::{Cursor, Read};

use baler_image::{Descriptor, Found, ImageName, Place, Repository, Source, SourceError};
use baler_registry::RegistrySource;
use baler_store::Store;

use super::memo::Memo;

/// A repository, with what this command or the local store has of its documents.
pub(super) struct Documents<'a> {
    pub(super) registry: &'a RegistrySource,
    pub(super) store: &'a Store,
    pub(super) memo: &'a Memo,
}

impl Source for Documents<'_> {
    fn place(&self) -> Place {
        self.registry.place()
    }

    fn repository(&self) -> Option<Repository> {
        Source::repository(self.registry)
    }

    /// Whether the name is there is for the registry to say, also where its digest is known.
    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        let found = self.registry.find(name)?;
        if let Some(found) = &found {
            self.memo.keep_document(&found.digest, &found.bytes);
        }
        Ok(found)
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        let known = self.memo.document(&descriptor.digest).map(|bytes| bytes.to_vec());
        // A document of the store is verified as any other; one that is damaged there is fetched.
        let known = known.filter(|bytes| bytes.len() as u64 == descriptor.size);
        if let Some(bytes) = known.or_else(|| self.store.document(descriptor).ok()) {
            return Ok(bytes);
        }
        let bytes = self.registry.document(descriptor)?;
        self.memo.keep_document(&descriptor.digest, &bytes);
        Ok(bytes)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        match self.memo.document(&descriptor.digest) {
            Some(bytes) if bytes.len() as u64 == descriptor.size => Ok(Box::new(Cursor::new(bytes))),
            Some(_) | None => self.registry.blob(descriptor),
        }
    }
}
