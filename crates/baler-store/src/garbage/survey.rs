//! What the store holds and how large it is, so that it can be said what a removal would free.

use std::collections::BTreeMap;
use std::io;

use baler_image::Digest;

use super::mark::{Marks, Without};
use super::{CollectError, Freed, size};
use crate::lock::Lock;
use crate::store::Store;

/// Sizes of everything in the store, as they were at one moment.
pub struct Survey<'a> {
    store: &'a Store,
    blobs: BTreeMap<Digest, u64>,
    /// By the directory of the id map and the hex digits of the diffID.
    layers: BTreeMap<(String, String), u64>,
    caches: BTreeMap<String, u64>,
}

impl Store {
    /// Measures everything. Layers and caches are walked for that.
    pub fn survey(&self) -> Result<Survey<'_>, CollectError> {
        let measured = || -> io::Result<Survey<'_>> {
            Ok(Survey {
                store: self,
                blobs: self.blob_sizes()?,
                layers: self.layer_sizes()?,
                caches: self.caches()?.into_iter().map(|cache| (cache.name, size::on_disk(&cache.path))).collect(),
            })
        };
        measured().map_err(|source| CollectError::Mark { source })
    }

    fn blob_sizes(&self) -> io::Result<BTreeMap<Digest, u64>> {
        let mut sizes = BTreeMap::new();
        self.each_blob(|digest, entry| {
            // One that is removed meanwhile is none.
            sizes.extend(entry.metadata().ok().map(|metadata| (digest, metadata.len())));
            Ok(())
        })?;
        Ok(sizes)
    }

    fn layer_sizes(&self) -> io::Result<BTreeMap<(String, String), u64>> {
        let mut sizes = BTreeMap::new();
        self.each_layer(|key, hex, path| {
            sizes.insert((key.to_owned(), hex.to_owned()), size::on_disk(path));
        })?;
        Ok(sizes)
    }
}

impl Survey<'_> {
    /// Bytes of everything.
    pub fn total(&self) -> u64 {
        self.blobs.values().chain(self.layers.values()).chain(self.caches.values()).sum()
    }

    /// What [`Store::remove_all`] would free now.
    pub fn would_free(&self, without: &Without) -> Result<Freed, CollectError> {
        let _guard = Lock::exclusive(&self.store.lock_path()).map_err(|source| CollectError::Mark { source })?;
        let marks = Marks::of(self.store, without)?;
        let blobs: Vec<u64> =
            self.blobs.iter().filter(|(digest, _)| !marks.has_blob(digest)).map(|(_, size)| *size).collect();
        let layers: Vec<u64> =
            self.layers.iter().filter(|((key, hex), _)| !marks.has_layer(key, hex)).map(|(_, size)| *size).collect();
        let gone = |name: &String| without.caches.contains(name) && !marks.has_cache(name);
        let caches: Vec<u64> = self.caches.iter().filter(|(name, _)| gone(name)).map(|(_, size)| *size).collect();
        Ok(Freed {
            blobs: blobs.len() as u64,
            layers: layers.len() as u64,
            caches: caches.len() as u64,
            bytes: blobs.iter().chain(&layers).chain(&caches).sum(),
        })
    }
}
