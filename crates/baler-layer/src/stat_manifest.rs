//! Whether a tree is still what it was, found out without reading its files.
//!
//! A manifest has path, mode, size, mtime, ctime and inode of each entry. Any change to a file moves its ctime, which no
//! program can set back; so equal records mean equal content, provided the change did not happen in the same tick of the
//! file system's clock as the record was taken. Entries that recent are looked at again after the clock has moved on;
//! where it does not, they count as changed. The root's own ctime is left out: moving the tree changes it.
//!
//! Take the manifest *before* the content is read: what changes in between is then noticed by the next comparison.

mod clock;
mod scan;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use scan::{Recorder, Verifier};

/// Begins the file; the digit is the version of the format.
const MAGIC: &[u8; 8] = b"BALRSTM1";

/// Stat records of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatManifest {
    /// Number of records.
    count: u64,
    /// Records in the order of the scan.
    records: Vec<u8>,
}

/// Result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing differs.
    Unchanged,
    /// At least this path (relative to the root) differs, is new, or stands where something is gone.
    Changed { path: PathBuf },
}

/// A manifest could not be taken, stored, read or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatManifestError {
    /// The tree could not be walked.
    #[error("could not look at {}", path.display())]
    Walk { path: PathBuf, source: io::Error },
    /// The clock of the file system could not be read.
    #[error("could not read the clock of the file system of {}", path.display())]
    Clock { path: PathBuf, source: io::Error },
    /// The manifest's file could not be read.
    #[error("could not read stat manifest {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The manifest's file could not be written.
    #[error("could not write stat manifest {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The file is no stat manifest, or of another version.
    #[error("{} is not a stat manifest of this version", path.display())]
    Format { path: PathBuf },
}

impl StatManifest {
    /// Records the tree below the directory `root`. Its parent must be writable for a moment: the clock of the file
    /// system is read from a nameless temporary file there.
    pub fn take(root: &Path) -> Result<Self, StatManifestError> {
        let mut tries = 3;
        loop {
            // Whatever changes from now on gets this time or a later one.
            let mut recorder = Recorder::new(clock::read(root)?);
            scan::scan(root, &mut recorder)?;
            let Some(latest) = recorder.latest() else { return Ok(recorder.into_manifest()) };
            let has_passed = clock::wait_until_after(root, latest)?;
            if has_passed && recorder.is_settled(root)? {
                return Ok(recorder.into_manifest());
            }
            tries -= 1;
            if !has_passed || tries == 0 {
                recorder.spoil_recent();
                return Ok(recorder.into_manifest());
            }
        }
    }

    /// Compares with the tree that is below `root` now.
    pub fn compare(&self, root: &Path) -> Result<Comparison, StatManifestError> {
        let mut verifier = Verifier::new(&self.records);
        scan::scan(root, &mut verifier)?;
        Ok(match verifier.difference() {
            None => Comparison::Unchanged,
            Some(path) => Comparison::Changed { path },
        })
    }

    /// Number of entries, the root included.
    pub fn entries(&self) -> u64 {
        self.count
    }

    /// Stores the manifest as one file, through a temporary name beside it.
    pub fn write_to(&self, path: &Path) -> Result<(), StatManifestError> {
        let write = || -> io::Result<()> {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
            file.write_all(MAGIC)?;
            file.write_all(&self.count.to_le_bytes())?;
            file.write_all(&self.records)?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|source| StatManifestError::Write { path: path.to_owned(), source })
    }

    /// Reads a stored manifest.
    pub fn read_from(path: &Path) -> Result<Self, StatManifestError> {
        let open = |source| StatManifestError::Read { path: path.to_owned(), source };
        let mut bytes = fs_err::read(path).map_err(open)?;
        let header = bytes.first_chunk::<16>().copied();
        let Some(header) = header.filter(|header| header.starts_with(MAGIC)) else {
            return Err(StatManifestError::Format { path: path.to_owned() });
        };
        bytes.drain(..header.len());
        let count = header.last_chunk::<8>().map_or(0, |count| u64::from_le_bytes(*count));
        Ok(Self { count, records: bytes })
    }
}
