//! Images by name: `images/<name>.json` says which document a name points at.
//!
//! The time at which an image got its name is the file's modification time; that of its last use is the access time,
//! which is set by hand, since the kernel's own idea of it depends on how the disk is mounted.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use baler_image::{Descriptor, Digest, Reference};
use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::{AtFlags, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use serde::{Deserialize, Serialize};

use crate::disk::explain;
use crate::session::Session;
use crate::store::Store;

/// File names are at most 255 bytes; longer ones are cut, and told apart by a digest.
const MAXIMUM_NAME: usize = 200;

/// A name in the store, and what it points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredImage {
    pub reference: Reference,
    /// A manifest or an index.
    pub descriptor: Descriptor,
    /// The index from which the manifest was chosen where it came from.
    pub index_digest: Option<Digest>,
    /// When the image got this name.
    pub written: SystemTime,
    /// When a build or a run last began with it; not before it was written.
    pub used: SystemTime,
}

/// The records of the store could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    #[error("could not read the images of the store")]
    Read { source: io::Error },
    #[error("the record {} in the store is damaged", path.display())]
    Damaged { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("could not remove image '{reference}' from the store")]
    Remove { reference: Reference, source: io::Error },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    name: String,
    descriptor: Descriptor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index_digest: Option<Digest>,
}

impl Store {
    /// All images, by name.
    pub fn images(&self) -> Result<Vec<StoredImage>, RecordError> {
        let mut images = Vec::new();
        for entry in fs_err::read_dir(self.images_directory()).map_err(|source| RecordError::Read { source })? {
            let path = entry.map_err(|source| RecordError::Read { source })?.path();
            // One that was removed since is no image.
            images.extend(read(&path)?);
        }
        images.sort_by(|one, other| one.reference.cmp(&other.reference));
        Ok(images)
    }

    /// The image of this name: the very same tag or digest.
    pub fn image(&self, reference: &Reference) -> Result<Option<StoredImage>, RecordError> {
        read(&self.record_path(reference))
    }

    /// Notes that the image of this name is used now. No such image is no error.
    pub fn note_use(&self, reference: &Reference) -> io::Result<()> {
        let (now, omit) = (Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }, Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT });
        let times = Timestamps { last_access: now, last_modification: omit };
        set_times(&self.record_path(reference), &times).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
    }

    /// Takes a name away, and says what it pointed at. Content that no other name needs goes with the next
    /// [`Store::collect_garbage`].
    pub fn remove(&self, reference: &Reference) -> Result<Option<StoredImage>, RecordError> {
        let removed = self.image(reference)?;
        match fs_err::remove_file(self.record_path(reference)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(RecordError::Remove { reference: reference.clone(), source: error })
            }
            Ok(()) | Err(_) => Ok(removed),
        }
    }

    /// Lets `reference` point at `descriptor`. If it does so already, only its time changes.
    pub(crate) fn write_record(
        &self,
        session: &Session,
        reference: &Reference,
        descriptor: &Descriptor,
        index_digest: Option<Digest>,
    ) -> io::Result<()> {
        if let Ok(Some(known)) = self.image(reference)
            && (&known.descriptor, &known.index_digest) == (descriptor, &index_digest)
        {
            return touch(&self.record_path(reference));
        }
        let record = Record { name: reference.to_string(), descriptor: descriptor.clone(), index_digest };
        let bytes = serde_json::to_vec_pretty(&record).map_err(io::Error::other)?;
        let (temporary, path) = (session.fresh("record"), self.record_path(reference));
        let write = || {
            let mut file = fs_err::File::create_new(&temporary)?;
            io::Write::write_all(&mut file, &bytes)?;
            file.sync_data()?;
            fs_err::rename(&temporary, &path)
        };
        write().map_err(|error| explain(error, &path))
    }

    fn images_directory(&self) -> PathBuf {
        self.root().join("images")
    }

    fn record_path(&self, reference: &Reference) -> PathBuf {
        let tag_decides = reference.tag().is_some();
        let name = match (tag_decides, reference.tag()) {
            (true, Some(tag)) => format!("{}:{tag}", reference.full_repository()),
            _ => reference.to_string(),
        };
        self.images_directory().join(format!("{}.json", file_name(&name)))
    }
}

/// A name as one path component. `+` is in no reference, so two names never meet.
pub(crate) fn file_name(name: &str) -> String {
    let escape = |character: char| match character {
        '/' => '+',
        character if character.is_ascii_alphanumeric() || "._-:@[]".contains(character) => character,
        _ => '=',
    };
    let escaped: String = name.chars().map(escape).collect();
    let is_exact = escaped.len() <= MAXIMUM_NAME && !escaped.contains('=') && !escaped.starts_with('.');
    if is_exact {
        return escaped;
    }
    let start: String = escaped.trim_start_matches('.').chars().take(MAXIMUM_NAME - 80).collect();
    format!("{start}={}", Digest::of(name.as_bytes()).hex())
}

fn touch(path: &Path) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    set_times(path, &Timestamps { last_access: now, last_modification: now })
}

fn set_times(path: &Path, times: &Timestamps) -> io::Result<()> {
    rustix::fs::utimensat(rustix::fs::CWD, path, times, AtFlags::empty()).map_err(|error| explain(error.into(), path))
}

/// Reads a record without changing when it was used.
fn read_quietly(path: &Path) -> io::Result<(Vec<u8>, std::fs::Metadata)> {
    let quietly = i32::try_from(OFlags::NOATIME.bits()).unwrap_or_default();
    let mut file = fs_err::OpenOptions::new().read(true).custom_flags(quietly).open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((bytes, metadata))
}

fn read(path: &Path) -> Result<Option<StoredImage>, RecordError> {
    let damaged = |source| RecordError::Damaged { path: path.to_owned(), source };
    if path.extension().is_none_or(|extension| extension != "json") {
        return Ok(None);
    }
    let (bytes, metadata) = match read_quietly(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(RecordError::Read { source }),
    };
    let Record { name, descriptor, index_digest } =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.into()))?;
    let reference = name.parse().map_err(|error: baler_image::InvalidReference| damaged(error.into()))?;
    let time = |time: io::Result<SystemTime>| time.map_err(|source| RecordError::Read { source });
    let (written, accessed) = (time(metadata.modified())?, time(metadata.accessed())?);
    Ok(Some(StoredImage { reference, descriptor, index_digest, written, used: accessed.max(written) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names() {
        assert_eq!(file_name("index.docker.io/library/app:latest"), "index.docker.io+library+app:latest");
        assert_ne!(file_name("a b"), file_name("a=b"));
        let long = format!("registry.example/{}:1", "a".repeat(250));
        assert!(file_name(&long).len() <= MAXIMUM_NAME);
        assert_ne!(file_name(&long), file_name(&format!("{long}2")));
        assert!(!file_name("..").starts_with('.'));
    }
}
