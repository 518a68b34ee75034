//! A registry as the place of documents: manifests and configs that are known by their digest are not fetched again.

use std::io::{Cursor, Read, Write as _};

use baler_image::{Descriptor, Found, ImageName, Place, Repository, Sink as _, Source, SourceError};
use baler_registry::RegistrySource;
use baler_store::Store;

use super::memo::Memo;

/// A repository, with what this command or the local store has of its documents.
pub(super) struct Documents<'a> {
    pub(super) registry: &'a RegistrySource,
    pub(super) store: &'a Store,
    pub(super) memo: &'a Memo,
}

impl Documents<'_> {
    /// The document as an earlier command kept it. It is verified as any other; one that is damaged is fetched.
    fn in_store(&self, descriptor: &Descriptor) -> Option<Vec<u8>> {
        // Asked first, so that it stays until this command ends.
        let is_there = self.store.has_blob(&descriptor.digest).unwrap_or(false);
        is_there.then(|| self.store.document(descriptor).ok()).flatten()
    }

    /// Keeps a document for later commands, until garbage is collected that nobody uses. Without it, it is fetched again.
    fn keep(&self, descriptor: &Descriptor, bytes: &[u8]) {
        let Ok(mut writer) = self.store.begin_blob() else { return };
        if writer.write_all(bytes).is_ok() {
            let _ = writer.commit(&descriptor.digest, bytes.len() as u64);
        }
    }
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
        let known = known.filter(|bytes| bytes.len() as u64 == descriptor.size);
        if let Some(bytes) = known.or_else(|| self.in_store(descriptor)) {
            return Ok(bytes);
        }
        let bytes = self.registry.document(descriptor)?;
        self.memo.keep_document(&descriptor.digest, &bytes);
        self.keep(descriptor, &bytes);
        Ok(bytes)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        match self.memo.document(&descriptor.digest) {
            Some(bytes) if bytes.len() as u64 == descriptor.size => Ok(Box::new(Cursor::new(bytes))),
            Some(_) | None => self.registry.blob(descriptor),
        }
    }
}
