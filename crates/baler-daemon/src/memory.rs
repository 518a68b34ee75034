//! What images of a daemon say of themselves, kept from one command to the next: a file for each image id.
//!
//! An id is a digest, so what was true of it stays true. Whether the daemon still has the image is asked each time, and
//! layers are not kept.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use baler_image::{Digest, Found};
use serde::{Deserialize, Serialize};

/// So many images are kept.
const MAXIMUM: usize = 256;

/// A directory of images that were exported.
#[derive(Debug)]
pub(crate) struct Memory {
    directory: PathBuf,
}

/// The documents of one image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Remembered {
    media_type: String,
    digest: Digest,
    documents: BTreeMap<Digest, String>,
}

impl Remembered {
    pub(crate) fn new(found: &Found, documents: BTreeMap<Digest, Vec<u8>>) -> Self {
        let (media_type, digest) = (found.media_type.clone(), found.digest.clone());
        let text = |(digest, bytes): (Digest, Vec<u8>)| Some((digest, String::from_utf8(bytes).ok()?));
        Self { media_type, digest, documents: documents.into_iter().filter_map(text).collect() }
    }

    /// What the name of the image points at.
    pub(crate) fn found(&self) -> Option<Found> {
        let bytes = self.document(&self.digest)?;
        Some(Found { media_type: self.media_type.clone(), digest: self.digest.clone(), bytes })
    }

    pub(crate) fn document(&self, digest: &Digest) -> Option<Vec<u8>> {
        let text = self.documents.get(digest)?;
        (Digest::of(text.as_bytes()) == *digest).then(|| text.clone().into_bytes())
    }
}

impl Memory {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// What is known of an image. What cannot be read is not known.
    pub(crate) fn recall(&self, id: &Digest) -> Option<Remembered> {
        serde_json::from_slice(&fs_err::read(self.path(id)).ok()?).ok()
    }

    /// Keeps what is known of an image. A failure costs time later, and nothing else.
    pub(crate) fn keep(&self, id: &Digest, remembered: &Remembered) -> io::Result<()> {
        fs_err::create_dir_all(&self.directory)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(&serde_json::to_vec(remembered)?)?;
        file.persist(self.path(id)).map_err(|error| error.error)?;
        self.forget_old()
    }

    fn forget_old(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs_err::read_dir(&self.directory)? {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        files.sort();
        files.iter().take(files.len().saturating_sub(MAXIMUM)).try_for_each(|(_, path)| fs_err::remove_file(path))
    }

    fn path(&self, id: &Digest) -> PathBuf {
        self.directory.join(format!("{}.json", id.hex()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_what_it_was_or_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::new(&directory.path().join("images"));
        let (id, bytes) = (Digest::of(b"id"), b"{}".to_vec());
        let found = Found { media_type: "x".to_owned(), digest: Digest::of(&bytes), bytes: bytes.clone() };
        assert!(memory.recall(&id).is_none());
        memory.keep(&id, &Remembered::new(&found, BTreeMap::from([(found.digest.clone(), bytes)]))).unwrap();
        assert_eq!(memory.recall(&id).unwrap().found().unwrap().bytes, b"{}");
        let path = memory.path(&id);
        let damaged = fs_err::read_to_string(&path).unwrap().replace("{}", "[]");
        fs_err::write(&path, damaged).unwrap();
        assert!(memory.recall(&id).unwrap().found().is_none());
        fs_err::write(&path, "{").unwrap();
        assert!(memory.recall(&id).is_none());
    }
}
