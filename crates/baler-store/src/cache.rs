//! Build caches: a directory for each, whose content belongs to who builds.
//!
//! The store reads and writes two things there: `roots`, the digests of blobs that the cache needs, one a line; and
//! `key`, what the cache was asked for by, which says whose cache it is.

use std::io;
use std::path::{Path, PathBuf};

use baler_image::Digest;

use crate::disk::explain;
use crate::ids;
use crate::record::file_name;
use crate::session::Pin;
use crate::store::Store;

const ROOTS: &str = "roots";
const KEY: &str = "key";

/// A build cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// The name of its directory.
    pub name: String,
    pub path: PathBuf,
    /// What it was asked for by; `None` where nothing says so.
    pub key: Option<String>,
    /// What its `roots` file lists.
    pub roots: Vec<Digest>,
}

impl Store {
    /// The directory of the cache of this key (an image's name, for one), made if it is not there.
    ///
    /// It, and the blobs that it lists, stay as long as this process has the store open.
    pub fn cache(&self, key: &str) -> io::Result<PathBuf> {
        let name = file_name(key);
        let path = self.caches_directory().join(&name);
        self.session()?
            .pin_found(|| {
                fs_err::create_dir_all(&path)?;
                write_key(&path, key)?;
                let roots = read_roots(&path)?.into_iter().map(Pin::Blob);
                Ok(roots.chain([Pin::Cache(name)]).collect())
            })
            .map_err(|error| explain(error, &path))?;
        Ok(path)
    }

    /// All caches, by name.
    pub fn caches(&self) -> io::Result<Vec<CacheEntry>> {
        let mut caches = Vec::new();
        for entry in fs_err::read_dir(self.caches_directory())? {
            let entry = entry?;
            let path = entry.path();
            let (key, roots) = (read(&path.join(KEY))?, read_roots(&path)?);
            caches.push(CacheEntry { name: entry.file_name().to_string_lossy().into_owned(), path, key, roots });
        }
        caches.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(caches)
    }

    /// Removes the cache of this key, whoever uses it. Nothing there is no error.
    pub fn remove_cache(&self, key: &str) -> io::Result<()> {
        ids::remove_tree(self.program(), None, &self.caches_directory().join(file_name(key)))
    }

    pub(crate) fn caches_directory(&self) -> PathBuf {
        self.root().join("caches")
    }
}

/// The key is written once, since the directory outlives many builds.
fn write_key(directory: &Path, key: &str) -> io::Result<()> {
    let path = directory.join(KEY);
    if read(&path)?.as_deref() == Some(key) { Ok(()) } else { fs_err::write(path, key) }
}

fn read_roots(directory: &Path) -> io::Result<Vec<Digest>> {
    let text = read(&directory.join(ROOTS))?.unwrap_or_default();
    let roots = text.lines().map(str::parse).collect::<Result<_, _>>();
    roots.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
