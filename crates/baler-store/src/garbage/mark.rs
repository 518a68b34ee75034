//! What is needed: everything that can be reached from names, caches and pins.

use std::collections::{BTreeSet, HashSet};
use std::io;

use baler_image::{Descriptor, Digest, ImageConfig, Index, Manifest, Reference};

use super::CollectError;
use crate::blob;
use crate::session::{self, Pin};
use crate::store::Store;

/// What is looked at as if it were gone already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// Names of images.
    pub images: BTreeSet<Reference>,
    /// Names of caches, as [`crate::CacheEntry::name`] has them.
    pub caches: BTreeSet<String>,
}

/// What garbage collection leaves.
pub(super) struct Marks<'a> {
    store: &'a Store,
    blobs: HashSet<Digest>,
    /// The hex digits of diffIDs that the images unpack to, whatever the id map.
    layers: HashSet<String>,
    pinned_layers: HashSet<(String, String)>,
    caches: HashSet<String>,
}

impl<'a> Marks<'a> {
    /// Marks everything but what `without` names and nobody uses. What is decided by it holds while the store's lock is
    /// held exclusively.
    pub(super) fn of(store: &'a Store, without: &Without) -> Result<Self, CollectError> {
        let mark = |source| CollectError::Mark { source };
        let mut marks = Self {
            store,
            blobs: HashSet::new(),
            layers: HashSet::new(),
            pinned_layers: HashSet::new(),
            caches: HashSet::new(),
        };
        for pin in session::living_pins(&store.tmp()).map_err(mark)? {
            match pin {
                Pin::Blob(digest) => marks.visit(&digest).map_err(mark)?,
                Pin::Layer { key, hex } => {
                    marks.pinned_layers.insert((key, hex));
                }
                Pin::Cache(name) => {
                    marks.caches.insert(name);
                }
            }
        }
        for image in store.images().map_err(|source| CollectError::Records { source })? {
            if !without.images.contains(&image.reference) {
                marks.visit(&image.descriptor.digest).map_err(mark)?;
            }
        }
        for cache in store.caches().map_err(mark)? {
            if !without.caches.contains(&cache.name) || marks.caches.contains(&cache.name) {
                cache.roots.iter().try_for_each(|root| marks.visit(root)).map_err(mark)?;
                marks.caches.insert(cache.name);
            }
        }
        Ok(marks)
    }

    pub(super) fn has_cache(&self, name: &str) -> bool {
        self.caches.contains(name)
    }

    pub(super) fn has_blob(&self, digest: &Digest) -> bool {
        self.blobs.contains(digest)
    }

    pub(super) fn has_layer(&self, key: &str, hex: &str) -> bool {
        self.layers.contains(hex) || self.pinned_layers.contains(&(key.to_owned(), hex.to_owned()))
    }

    /// Marks a blob, and what it refers to if it is a document.
    fn visit(&mut self, digest: &Digest) -> io::Result<()> {
        if !self.blobs.insert(digest.clone()) {
            return Ok(());
        }
        let Some(bytes) = blob::read_json(self.store.root(), digest)? else { return Ok(()) };
        if let Ok(index) = serde_json::from_slice::<Index>(&bytes) {
            let children: Vec<Descriptor> = index.manifests;
            children.iter().try_for_each(|child| self.visit(&child.digest))
        } else if let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) {
            self.visit_manifest(manifest)
        } else {
            Ok(())
        }
    }

    fn visit_manifest(&mut self, manifest: Manifest) -> io::Result<()> {
        if let Some(bytes) = blob::read_json(self.store.root(), &manifest.config.digest)?
            && let Ok(config) = serde_json::from_slice::<ImageConfig>(&bytes)
        {
            self.layers.extend(config.rootfs.diff_ids.iter().map(|diff_id| diff_id.hex().to_owned()));
        }
        self.blobs.insert(manifest.config.digest);
        self.blobs.extend(manifest.layers.into_iter().map(|layer| layer.digest));
        Ok(())
    }
}
