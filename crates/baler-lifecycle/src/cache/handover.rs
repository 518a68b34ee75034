//! What restore hands to export in a cache directory, when each is a program of its own.
//!
//! ```text
//! baler/layers.json            how the tars in committed/ were made: a tree in the same frame gives the same tar
//! baler/restored.json          which layers the last restore gave, and the tars that they came from
//! baler/manifests/<diffID>     stat manifest of each of these layers
//! ```
//!
//! Beside `committed/`, since other lifecycles take whatever is in there for theirs. Builders do not see the directory;
//! where all phases are one process, nothing of this is read. Whatever is absent, damaged or of another restore means that
//! export reads the layer.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use baler_image::Digest;
use baler_layer::stat_manifest::StatManifest;
use serde::{Deserialize, Serialize};

use super::CacheError;
use super::record::BlobRecords;
use crate::files::{make_directory, read_inside, remove_tree, write_file};
use crate::layers_directory::LayerId;
use crate::restore::{Restoration, RestoredLayer};

const DIRECTORY: &str = "baler";
const LAYERS: &str = "layers.json";
const RESTORED: &str = "restored.json";
const MANIFESTS: &str = "manifests";

/// The version of `restored.json`; another one is nothing handed over.
const VERSION: u32 = 1;

/// The longest file that is read.
const LONGEST: u64 = 64 * 1024 * 1024;

/// A file as it was once looked at. Whatever is written to it, or to its name, makes another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Tars of a cache by diffID, as they were when they were checked.
pub(super) type CheckedTars = BTreeMap<Digest, FileIdentity>;

#[derive(Debug, Serialize, Deserialize)]
struct Restored {
    version: u32,
    layers: Vec<HandedLayer>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HandedLayer {
    buildpack: String,
    layer: String,
    diff_id: Digest,
    /// The file system of the layer's directory.
    device: u64,
    tar: FileIdentity,
}

/// The directory.
#[derive(Debug)]
pub(super) struct Handover {
    cache: PathBuf,
}

impl FileIdentity {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Handover {
    pub(super) fn new(cache: &Path) -> Self {
        Self { cache: cache.to_owned() }
    }

    /// How tars were made; nothing where that cannot be read.
    pub(super) fn records(&self) -> BlobRecords {
        self.read(Path::new(LAYERS)).map(|bytes| BlobRecords::parse(&bytes)).unwrap_or_default()
    }

    /// Replaces the records, and removes what was handed over: the tars have new places.
    pub(super) fn put_records(&self, records: &BlobRecords) -> Result<(), CacheError> {
        self.clear()?;
        if records.blobs.is_empty() {
            return remove_tree(&self.directory()).map_err(CacheError::File);
        }
        self.write(LAYERS, records.to_json().as_bytes())
    }

    /// Writes what restore gave. The last file to be written makes it valid.
    pub(super) fn put(&self, restoration: &Restoration, tars: &CheckedTars) -> Result<(), CacheError> {
        self.clear()?;
        let mut layers = Vec::new();
        for (id, RestoredLayer { diff_id, manifest, device, .. }) in restoration.layers() {
            let Some(tar) = tars.get(diff_id) else { continue };
            if layers.is_empty() {
                make_directory(&self.directory(), None).map_err(CacheError::File)?;
                make_directory(&self.directory().join(MANIFESTS), None).map_err(CacheError::File)?;
            }
            let path = self.directory().join(manifest_path(diff_id));
            manifest.write_to(&path).map_err(CacheError::Manifest)?;
            let (buildpack, layer) = (id.buildpack.clone(), id.layer.clone());
            layers.push(HandedLayer { buildpack, layer, diff_id: diff_id.clone(), device: *device, tar: tar.clone() });
        }
        if layers.is_empty() {
            return Ok(());
        }
        let text = serde_json::to_vec(&Restored { version: VERSION, layers }).map_err(CacheError::Encode)?;
        self.write(RESTORED, &text)
    }

    /// What restore gave, and the tars that it checked.
    pub(super) fn get(&self) -> (Restoration, CheckedTars) {
        let (mut layers, mut tars) = (BTreeMap::new(), CheckedTars::new());
        let restored = self.read(Path::new(RESTORED)).and_then(|bytes| serde_json::from_slice::<Restored>(&bytes).ok());
        for handed in restored.filter(|restored| restored.version == VERSION).into_iter().flat_map(|all| all.layers) {
            let HandedLayer { buildpack, layer, diff_id, device, tar } = handed;
            let Ok(manifest) = StatManifest::read_from(&self.directory().join(manifest_path(&diff_id))) else {
                continue;
            };
            tars.insert(diff_id.clone(), tar);
            let restored = RestoredLayer { diff_id, manifest, device, is_kept_tree: false };
            layers.insert(LayerId::new(&buildpack, &layer), restored);
        }
        (Restoration::new(layers), tars)
    }

    /// Makes sure that nothing is handed over.
    fn clear(&self) -> Result<(), CacheError> {
        for name in [RESTORED, MANIFESTS] {
            remove_tree(&self.directory().join(name)).map_err(CacheError::File)?;
        }
        Ok(())
    }

    fn directory(&self) -> PathBuf {
        self.cache.join(DIRECTORY)
    }

    fn read(&self, relative: &Path) -> Option<Vec<u8>> {
        read_inside(&self.cache, &Path::new(DIRECTORY).join(relative), LONGEST).ok().flatten()
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), CacheError> {
        make_directory(&self.directory(), None).map_err(CacheError::File)?;
        write_file(&self.directory().join(name), content, None).map_err(CacheError::File)
    }
}

fn manifest_path(diff_id: &Digest) -> PathBuf {
    Path::new(MANIFESTS).join(diff_id.hex())
}

/// The identity of the file at `path`.
pub(super) fn identity(path: &Path) -> io::Result<FileIdentity> {
    Ok(FileIdentity::of(&fs_err::symlink_metadata(path)?))
}
