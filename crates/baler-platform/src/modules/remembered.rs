//! What was taken into the store from files, URLs and registries: found again as long as it is the same there.
//!
//! It is a cache of the store, so its content stays until its origin is gone or somebody prunes caches. `mark` says what
//! state of the origin it is of: size and times of a file, the tag that a server gave.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use baler_image::Digest;
use baler_store::Store;

/// Begins the key of each such cache.
const PREFIX: &str = "package:";
const MARK: &str = "mark";
const ROOTS: &str = "roots";

/// What is remembered of one origin.
pub(super) struct Remembered<'a> {
    store: &'a Store,
    directory: PathBuf,
}

/// What was taken from an origin, and in which state that was.
pub(super) struct Memory {
    pub(super) digest: Digest,
    pub(super) mark: String,
}

impl<'a> Remembered<'a> {
    /// What is remembered of `origin`, which stays for as long as this process has the store open.
    pub(super) fn open(store: &'a Store, origin: &str) -> io::Result<Self> {
        Ok(Self { store, directory: store.cache(&format!("{PREFIX}{origin}"))? })
    }

    /// Nothing is remembered where it cannot be read.
    pub(super) fn recall(&self) -> Option<Memory> {
        let read = |name| fs_err::read_to_string(self.directory.join(name)).ok();
        Some(Memory { digest: read(ROOTS)?.trim().parse().ok()?, mark: read(MARK)? })
    }

    /// Remembers the package `digest`, all of which is in the store.
    pub(super) fn remember(&self, digest: &Digest, mark: &str) -> io::Result<()> {
        self.store.seal_blobs()?;
        // Between the two the mark is of nothing, should the process end there.
        self.replace(MARK, "")?;
        self.replace(ROOTS, &format!("{digest}\n"))?;
        self.replace(MARK, mark)
    }

    fn replace(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.persist(self.directory.join(name)).map_err(|error| error.error)?;
        Ok(())
    }
}

/// What tells whether a file is still the same.
pub(super) fn mark_of(metadata: &std::fs::Metadata) -> String {
    let (modified, changed) = ((metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec()));
    format!("{} {} {} {modified:?} {changed:?}\n", metadata.dev(), metadata.ino(), metadata.size())
}

/// Whether a cache is of something that was taken from elsewhere, and that is gone there: `None` if it is not of such.
pub(crate) fn is_orphan(key: &str) -> Option<bool> {
    let origin = key.strip_prefix(PREFIX)?;
    let path = origin.split_once(' ').map_or("", |(_, place)| place);
    Some(path.starts_with('/') && !Path::new(path).exists())
}
