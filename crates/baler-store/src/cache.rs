//! Build caches: a directory for each, whose content belongs to who builds.
//!
//! The one thing that the store reads there is `roots`: the digests of blobs that the cache needs, one a line.

use std::io;
use std::path::PathBuf;

use baler_image::Digest;

use crate::disk::explain;
use crate::ids;
use crate::record::file_name;
use crate::store::Store;

/// A build cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// The name of its directory.
    pub name: String,
    pub path: PathBuf,
    /// What its `roots` file lists.
    pub roots: Vec<Digest>,
}

impl Store {
    /// The directory of the cache of this key (an image's name, for one), made if it is not there.
    pub fn cache(&self, key: &str) -> io::Result<PathBuf> {
        let path = self.caches_directory().join(file_name(key));
        fs_err::create_dir_all(&path).map_err(|error| explain(error, &path))?;
        Ok(path)
    }

    /// All caches, by name.
    pub fn caches(&self) -> io::Result<Vec<CacheEntry>> {
        let mut caches = Vec::new();
        for entry in fs_err::read_dir(self.caches_directory())? {
            let entry = entry?;
            let path = entry.path();
            let text = match fs_err::read_to_string(path.join("roots")) {
                Ok(text) => text,
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    String::new()
                }
                Err(error) => return Err(error),
            };
            let roots = text.lines().map(str::parse).collect::<Result<_, _>>();
            let roots = roots.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            caches.push(CacheEntry { name: entry.file_name().to_string_lossy().into_owned(), path, roots });
        }
        caches.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(caches)
    }

    /// Removes the cache of this key. Nothing there is no error.
    pub fn remove_cache(&self, key: &str) -> io::Result<()> {
        ids::remove_tree(self.program(), None, &self.caches_directory().join(file_name(key)))
    }

    fn caches_directory(&self) -> PathBuf {
        self.root().join("caches")
    }
}
