//! The cache of one app image in Baler's store: live trees beside blobs.
//!
//! ```text
//! metadata.json            which layers there are, as other lifecycles write it
//! blobs.json               the blob of each layer, and how its tar was made
//! roots                    digests of these blobs, one a line: the store keeps them
//! trees/<bp>/<layer>       the layer as the last build left it
//! manifests/<diffID>       stat manifest of the tree of that diffID
//! lock                     held while the files above are replaced
//! ```
//!
//! A tree leaves by rename and comes back by rename. Of two builds at once one gets it; the other, like one after a
//! build that failed, makes the layer from its blob. The manifest belongs to a diffID and a tree equals it or does not,
//! so a tree that another build left there is noticed. Metadata is replaced last: until then the old one is valid.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use baler_cnb::labels::{CacheMetadata, encode};
use baler_image::media_type::OCI_LAYER_GZIP;
use baler_image::{Descriptor, Digest, Sink, Source};
use baler_layer::move_tree::move_tree;
use baler_layer::stat_manifest::{Comparison, StatManifest};

use super::record::{BlobRecords, CachedBlob};
use super::{Cache, CacheError, CacheUpdate};
use crate::files::{FileError, read_optional, remove_tree, write_file};
use crate::layers_directory::LayerId;

const METADATA: &str = "metadata.json";
const BLOBS: &str = "blobs.json";
const ROOTS: &str = "roots";
const TREES: &str = "trees";
const MANIFESTS: &str = "manifests";
const LOCK: &str = "lock";

/// Takes and gives blobs: Baler's own store.
pub trait BlobStore: Source + Sink + Sync {
    /// As a source.
    fn as_source(&self) -> &dyn Source;
    /// As a sink.
    fn as_sink(&self) -> &dyn Sink;
}

impl<T: Source + Sink + Sync> BlobStore for T {
    fn as_source(&self) -> &dyn Source {
        self
    }

    fn as_sink(&self) -> &dyn Sink {
        self
    }
}

/// The cache of one app image.
pub struct TreeCache<'a> {
    directory: PathBuf,
    blobs: &'a dyn BlobStore,
    exists: bool,
    metadata: CacheMetadata,
    records: BlobRecords,
}

/// A layer that goes into the cache.
pub(crate) struct CachedLayer<'a> {
    pub(crate) id: &'a LayerId,
    pub(crate) diff_id: &'a Digest,
    /// The live tree; it is moved.
    pub(crate) tree: &'a Path,
    pub(crate) manifest: &'a StatManifest,
}

impl<'a> TreeCache<'a> {
    /// Opens the cache in `directory`, which may be absent. Metadata that cannot be read is an empty cache.
    pub fn open(directory: &Path, blobs: &'a dyn BlobStore) -> Result<Self, CacheError> {
        // Metadata and records belong together, and another build may be replacing them.
        let _lock = lock_to_read(directory)?;
        let read = |name| read_optional(&directory.join(name)).map_err(CacheError::File);
        let metadata = read(METADATA)?;
        let exists = metadata.is_some();
        let metadata = metadata.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let records = read(BLOBS)?.map(|bytes| BlobRecords::parse(&bytes)).unwrap_or_default();
        Ok(Self { directory: directory.to_owned(), blobs, exists, metadata, records })
    }

    /// Empties the cache in `directory`, if there is one. Another build that uses it makes its layers from their blobs.
    pub fn clear(directory: &Path) -> Result<(), CacheError> {
        if !directory.exists() {
            return Ok(());
        }
        let _lock = lock(directory)?;
        for part in [METADATA, BLOBS, ROOTS, MANIFESTS, TREES] {
            remove_tree(&directory.join(part)).map_err(CacheError::File)?;
        }
        Ok(())
    }

    /// Moves the live tree of a layer to `target`, if there is one, it is still that of `diff_id`, and it belongs to the
    /// user `uid`: another one's build cannot use it. `None`: the layer has to be made from its blob, and nothing is at
    /// `target`.
    pub(crate) fn take(
        &self,
        id: &LayerId,
        diff_id: &Digest,
        target: &Path,
        uid: u32,
    ) -> Result<Option<StatManifest>, CacheError> {
        let Ok(manifest) = StatManifest::read_from(&self.manifest_path(diff_id)) else { return Ok(None) };
        // An absent tree, another mount: the blob serves as well, whatever the reason.
        if move_tree(&self.tree_path(id), target).is_err() {
            return Ok(None);
        }
        let is_own = fs_err::symlink_metadata(target).is_ok_and(|metadata| metadata.uid() == uid);
        if is_own && matches!(manifest.compare(target), Ok(Comparison::Unchanged)) {
            return Ok(Some(manifest));
        }
        remove_tree(target).map_err(CacheError::File)?;
        Ok(None)
    }

    /// Moves a layer's tree into the cache, in place of any other.
    pub(crate) fn put(&self, layer: &CachedLayer<'_>) -> Result<(), CacheError> {
        let manifest_path = self.manifest_path(layer.diff_id);
        create_parent(&manifest_path)?;
        {
            let _lock = lock_to_add(&self.directory)?;
            layer.manifest.write_to(&manifest_path).map_err(CacheError::Manifest)?;
        }
        self.put_tree(layer.id, layer.tree)
    }

    /// Moves a tree into the cache as it is; the next build sees whether it is still what it was.
    pub(crate) fn put_tree(&self, id: &LayerId, tree: &Path) -> Result<(), CacheError> {
        let target = self.tree_path(id);
        create_parent(&target)?;
        let _lock = lock_to_add(&self.directory)?;
        remove_tree(&target).map_err(CacheError::File)?;
        move_tree(tree, &target).map_err(CacheError::Move)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), CacheError> {
        write_file(&self.directory.join(name), text.as_bytes(), None).map_err(CacheError::File)
    }

    fn remove_unused(&self, metadata: &CacheMetadata) -> Result<(), CacheError> {
        let (mut trees, mut manifests) = (BTreeSet::new(), BTreeSet::new());
        for buildpack in &metadata.buildpacks {
            for (name, layer) in &buildpack.layers {
                let id = LayerId::new(&buildpack.key, name);
                trees.insert(self.directory.join(TREES).join(id.path()));
                manifests.extend(layer.sha.parse().ok().map(|diff_id| self.manifest_path(&diff_id)));
            }
        }
        for buildpack in entries(&self.directory.join(TREES))? {
            for tree in entries(&buildpack)? {
                remove_unless(&trees, &tree)?;
            }
        }
        for manifest in entries(&self.directory.join(MANIFESTS))? {
            remove_unless(&manifests, &manifest)?;
        }
        Ok(())
    }

    fn tree_path(&self, id: &LayerId) -> PathBuf {
        self.directory.join(TREES).join(id.path())
    }

    fn manifest_path(&self, diff_id: &Digest) -> PathBuf {
        self.directory.join(MANIFESTS).join(diff_id.hex())
    }
}

/// Keeps other builds from reading and writing the files of the cache.
fn lock(directory: &Path) -> Result<std::fs::File, CacheError> {
    locked(directory, std::fs::File::lock)
}

/// Keeps other builds from removing what is not referred to, as what is being added is not yet.
fn lock_to_add(directory: &Path) -> Result<std::fs::File, CacheError> {
    locked(directory, std::fs::File::lock_shared)
}

fn locked(directory: &Path, lock: fn(&std::fs::File) -> io::Result<()>) -> Result<std::fs::File, CacheError> {
    let path = directory.join(LOCK);
    let attempt = || {
        let file = std::fs::File::create(&path)?;
        lock(&file)?;
        Ok(file)
    };
    attempt().map_err(|source| CacheError::Lock { path: path.clone(), source })
}

/// Keeps other builds from writing them; no lock where there never was a build.
fn lock_to_read(directory: &Path) -> Result<Option<std::fs::File>, CacheError> {
    let path = directory.join(LOCK);
    let attempt = || match std::fs::File::open(&path) {
        Ok(file) => file.lock_shared().map(|()| Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    attempt().map_err(|source| CacheError::Lock { path: path.clone(), source })
}

impl Cache for TreeCache<'_> {
    fn exists(&self) -> bool {
        self.exists
    }

    fn metadata(&self) -> &CacheMetadata {
        &self.metadata
    }

    fn read(&self, diff_id: &Digest) -> Result<Box<dyn Read + Send>, CacheError> {
        let blob = self.blob(diff_id).ok_or_else(|| CacheError::NoBlob { diff_id: diff_id.clone() })?;
        let descriptor = Descriptor::new(OCI_LAYER_GZIP, blob.size, blob.digest.clone());
        self.blobs.blob(&descriptor).map_err(|source| CacheError::Blob { diff_id: diff_id.clone(), source })
    }

    fn blob(&self, diff_id: &Digest) -> Option<&CachedBlob> {
        self.records.blobs.get(diff_id)
    }

    fn holds(&self, diff_id: &str) -> bool {
        let blob = diff_id.parse().ok().and_then(|diff_id| self.blob(&diff_id));
        blob.is_some_and(|blob| matches!(self.blobs.has_blob(&blob.digest), Ok(true)))
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self.blobs.as_source())
    }

    fn sink(&self) -> Option<&dyn Sink> {
        Some(self.blobs.as_sink())
    }

    fn trees(&self) -> Option<&TreeCache<'_>> {
        Some(self)
    }

    /// Makes `update` what the cache holds, and removes what it no longer refers to.
    fn commit(&self, update: CacheUpdate) -> Result<(), CacheError> {
        fs_err::create_dir_all(&self.directory)
            .map_err(FileError::because("create directory", &self.directory))
            .map_err(CacheError::File)?;
        let _lock = lock(&self.directory)?;
        let metadata = encode(&update.metadata).map_err(CacheError::Encode)?;
        let records = BlobRecords::new(update.blobs);
        // Records of old and new metadata, until the new metadata is there.
        let mut both = records.clone();
        both.blobs.extend(self.records.blobs.clone());
        self.write(ROOTS, &both.roots())?;
        self.write(BLOBS, &both.to_json())?;
        self.write(METADATA, &metadata)?;
        self.write(BLOBS, &records.to_json())?;
        self.write(ROOTS, &records.roots())?;
        self.remove_unused(&update.metadata)
    }
}

fn create_parent(path: &Path) -> Result<(), CacheError> {
    let parent = path.parent().unwrap_or(path);
    let failed = FileError::because("create directory", parent);
    fs_err::create_dir_all(parent).map_err(failed).map_err(CacheError::File)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, CacheError> {
    let because = || FileError::because("read directory", directory);
    let list = || -> Result<Vec<PathBuf>, FileError> {
        match fs_err::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            entries => {
                entries.map_err(because())?.map(|entry| entry.map(|entry| entry.path()).map_err(because())).collect()
            }
        }
    };
    list().map_err(CacheError::File)
}

fn remove_unless(kept: &BTreeSet<PathBuf>, path: &Path) -> Result<(), CacheError> {
    if kept.contains(path) { Ok(()) } else { remove_tree(path).map_err(CacheError::File) }
}
