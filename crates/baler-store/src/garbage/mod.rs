//! Garbage collection: blobs and unpacked layers that nothing refers to go.
//!
//! Names, caches and the pins of living sessions are the roots. With the store's lock held exclusively nobody can add
//! to them; what is large is only moved aside meanwhile, and removed afterwards.

mod mark;
mod size;
mod survey;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use baler_image::Digest;

use crate::ids;
use crate::lock::Lock;
use crate::record::RecordError;
use crate::scratch::{Scratch, ScratchError};
use crate::session::{self, Pin};
use crate::store::Store;
use mark::Marks;
pub use mark::Without;
pub use survey::Survey;

/// What garbage collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    pub blobs: u64,
    /// Unpacked layers.
    pub layers: u64,
    /// Build caches.
    pub caches: u64,
    /// Bytes of all of them on the disk, as far as they can be read.
    pub bytes: u64,
}

/// Garbage collection stopped. What it removed before was garbage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    #[error("could not find out what the store's images need")]
    Records { source: RecordError },
    #[error("could not find out what the store's content refers to")]
    Mark { source: io::Error },
    #[error("could not remove what the store does not need")]
    Remove { source: io::Error },
    #[error("could not move aside what the store does not need")]
    Scratch { source: ScratchError },
}

impl Store {
    /// Removes the blobs and unpacked layers that no image, no cache and no running process refers to.
    ///
    /// Other processes may go on: what they use is pinned. What this process has used since it opened the store is
    /// pinned as well.
    pub fn collect_garbage(&self) -> Result<Freed, CollectError> {
        self.remove_all(&Without::default())
    }

    /// Removes these names and caches, and then what nothing refers to any more. Caches that a running process uses
    /// stay, and so does the content of images that one uses.
    pub fn remove_all(&self, without: &Without) -> Result<Freed, CollectError> {
        let remove = |source| CollectError::Remove { source };
        for reference in &without.images {
            self.remove(reference).map_err(|source| CollectError::Records { source })?;
        }
        let mut freed = Freed::default();
        if !without.caches.is_empty() {
            self.sweep_caches(without, &mut freed)?;
        }
        let guard = Lock::exclusive(&self.lock_path()).map_err(|source| CollectError::Mark { source })?;
        let marks = Marks::of(self, &Without::default())?;
        self.sweep_blobs(&marks, &mut freed).map_err(remove)?;
        let layers = self.unmarked_layers(&marks).map_err(remove)?;
        if layers.is_empty() {
            return Ok(freed);
        }
        // A session begins with the lock held shared, so it must not be begun here.
        drop(guard);
        self.session().map_err(remove)?;
        self.sweep_layers(&mut freed)?;
        Ok(freed)
    }

    /// The digests of the documents and blobs that running processes rely on.
    pub fn used_by_processes(&self) -> Result<Vec<Digest>, CollectError> {
        let mark = |source| CollectError::Mark { source };
        let _guard = Lock::exclusive(&self.lock_path()).map_err(mark)?;
        let pins = session::living_pins(&self.tmp()).map_err(mark)?;
        let digest = |pin| match pin {
            Pin::Blob(digest) => Some(digest),
            Pin::Layer { .. } | Pin::Cache(_) => None,
        };
        Ok(pins.into_iter().filter_map(digest).collect())
    }

    /// Moves caches aside with the lock held, and removes them without it.
    fn sweep_caches(&self, without: &Without, freed: &mut Freed) -> Result<(), CollectError> {
        let remove = |source| CollectError::Remove { source };
        let aside = self.scratch("garbage").map_err(|source| CollectError::Scratch { source })?;
        let guard = Lock::exclusive(&self.lock_path()).map_err(remove)?;
        let marks = Marks::of(self, without)?;
        for name in without.caches.iter().filter(|name| !marks.has_cache(name)) {
            match fs_err::rename(self.caches_directory().join(name), aside.path().join(name)) {
                Ok(()) => freed.caches += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(remove(error)),
            }
        }
        drop(guard);
        freed.bytes += size::on_disk(aside.path());
        Ok(())
    }

    fn sweep_blobs(&self, marks: &Marks, freed: &mut Freed) -> io::Result<()> {
        self.each_blob(|digest, entry| {
            if !marks.has_blob(&digest) {
                let size = entry.metadata()?.len();
                fs_err::remove_file(entry.path())?;
                freed.blobs += 1;
                freed.bytes += size;
            }
            Ok(())
        })
    }

    fn each_blob(&self, mut act: impl FnMut(Digest, &fs_err::DirEntry) -> io::Result<()>) -> io::Result<()> {
        for algorithm in fs_err::read_dir(self.root().join("blobs"))? {
            let algorithm = algorithm?;
            for entry in fs_err::read_dir(algorithm.path())? {
                let entry = entry?;
                let (algorithm, hex) = (algorithm.file_name(), entry.file_name());
                let name = format!("{}:{}", algorithm.to_string_lossy(), hex.to_string_lossy());
                if let Ok(digest) = name.parse::<Digest>() {
                    act(digest, &entry)?;
                }
            }
        }
        Ok(())
    }

    /// The unpacked layers that go, by the directory of their id map.
    fn unmarked_layers(&self, marks: &Marks) -> io::Result<BTreeMap<PathBuf, Vec<String>>> {
        let mut unmarked: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        self.each_layer(|key, hex, path| {
            if !marks.has_layer(key, hex) {
                unmarked.entry(path.parent().unwrap_or(path).to_owned()).or_default().push(hex.to_owned());
            }
        })?;
        Ok(unmarked)
    }

    /// Every unpacked layer: the name of its id map, the hex digits of its diffID, its directory.
    fn each_layer(&self, mut act: impl FnMut(&str, &str, &Path)) -> io::Result<()> {
        for entry in fs_err::read_dir(self.layers_directory())? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                continue;
            }
            for layer in fs_err::read_dir(entry.path())? {
                let layer = layer?;
                if layer.file_type()?.is_dir() {
                    let (key, hex) = (entry.file_name(), layer.file_name());
                    act(&key.to_string_lossy(), &hex.to_string_lossy(), &layer.path());
                }
            }
        }
        Ok(())
    }

    /// Moves the layers aside with the lock held, and removes them without it.
    fn sweep_layers(&self, freed: &mut Freed) -> Result<(), CollectError> {
        let remove = |source| CollectError::Remove { source };
        let mut aside = Vec::new();
        for entry in fs_err::read_dir(self.layers_directory()).map_err(remove)? {
            let path = entry.map_err(remove)?.path();
            if path.is_dir() {
                aside.push((path.clone(), self.place_aside(&path)?));
            }
        }
        let guard = Lock::exclusive(&self.lock_path()).map_err(remove)?;
        let layers = self.unmarked_layers(&Marks::of(self, &Without::default())?).map_err(remove)?;
        for (directory, scratch) in &aside {
            for hex in layers.get(directory).into_iter().flatten() {
                move_aside(&directory.join(hex), scratch.path()).map_err(remove)?;
                freed.layers += 1;
            }
        }
        drop(guard);
        freed.bytes += aside.iter().map(|(_, scratch)| size::on_disk(scratch.path())).sum::<u64>();
        Ok(())
    }

    fn place_aside(&self, directory: &Path) -> Result<Scratch, CollectError> {
        let id_map = ids::read(&ids::beside(directory)).map_err(|source| CollectError::Remove { source })?;
        let scratch = match id_map {
            Some(id_map) => self.scratch_for("garbage", &id_map),
            None => self.scratch("garbage"),
        };
        scratch.map_err(|source| CollectError::Scratch { source })
    }
}

fn move_aside(layer: &Path, aside: &Path) -> io::Result<()> {
    fs_err::rename(layer, aside.join(layer.file_name().unwrap_or_default()))?;
    match fs_err::remove_file(layer.with_extension("lock")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
