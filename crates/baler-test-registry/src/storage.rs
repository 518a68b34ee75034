//! What the registry holds: an index of repositories, blobs by digest, uploads on their way. With a directory, the index is
//! its `index.json` and the blobs lie beside it, so that a later start finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};

use baler_image::Digest;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::content::{Content, Growing};

pub(crate) struct Storage {
    directory: Option<Directory>,
    pub(crate) index: Index,
    blobs: BTreeMap<Digest, Content>,
    uploads: BTreeMap<String, Upload>,
    next_upload: u64,
}

struct Directory {
    path: PathBuf,
    /// Held as long as the directory is used.
    lock: fs_err::File,
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A child that is being started just now may have the file open for a moment longer. Closing it ends the lock in
        // any case, if later.
        let _ = self.lock.file().unlock();
    }
}

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) repositories: BTreeMap<String, Repository>,
}

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Repository {
    pub(crate) tags: BTreeMap<String, Digest>,
    /// With their media types.
    pub(crate) manifests: BTreeMap<Digest, String>,
    pub(crate) blobs: BTreeSet<Digest>,
}

struct Upload {
    repository: String,
    growing: Growing,
}

/// Why an upload did not become a blob.
pub(crate) enum FinishError {
    Unknown,
    Digest,
    Io(io::Error),
}

impl Storage {
    pub(crate) fn in_memory() -> Self {
        let (index, blobs, uploads) = (Index::default(), BTreeMap::new(), BTreeMap::new());
        Self { directory: None, index, blobs, uploads, next_upload: 0 }
    }

    /// Nothing, if another process uses the directory.
    pub(crate) fn in_directory(path: &Path) -> io::Result<Option<Self>> {
        fs_err::create_dir_all(path.join("blobs/sha256"))?;
        fs_err::create_dir_all(path.join("blobs/sha512"))?;
        let lock = fs_err::File::create(path.join("lock"))?;
        match lock.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let uploads = path.join("uploads");
        if uploads.exists() {
            // Of a process that is gone.
            fs_err::remove_dir_all(&uploads)?;
        }
        fs_err::create_dir(&uploads)?;
        let index = match fs_err::read(path.join("index.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Index::default(),
            Err(error) => return Err(error),
        };
        let mut storage = Self::in_memory();
        for algorithm in ["sha256", "sha512"] {
            for entry in fs_err::read_dir(path.join("blobs").join(algorithm))? {
                let entry = entry?;
                let name = entry.file_name();
                if let Ok(digest) = format!("{algorithm}:{}", name.to_string_lossy()).parse() {
                    let content = Content::File { path: entry.path(), length: entry.metadata()?.len() };
                    storage.blobs.insert(digest, content);
                }
            }
        }
        storage.directory = Some(Directory { path: path.to_owned(), lock });
        storage.index = index;
        Ok(Some(storage))
    }

    /// Writes the index, where there is a directory.
    pub(crate) fn save(&self) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let new = directory.path.join("index.json.new");
        fs_err::write(&new, serde_json::to_vec_pretty(&self.index)?)?;
        fs_err::rename(new, directory.path.join("index.json"))
    }

    fn blob_path(&self, digest: &Digest) -> Option<PathBuf> {
        let directory = self.directory.as_ref()?;
        Some(directory.path.join("blobs").join(digest.algorithm().as_str()).join(digest.hex()))
    }

    pub(crate) fn repository(&self, name: &str) -> Option<&Repository> {
        self.index.repositories.get(name)
    }

    /// The repository, made where it is not there.
    pub(crate) fn repository_mut(&mut self, name: &str) -> &mut Repository {
        self.index.repositories.entry(name.to_owned()).or_default()
    }

    /// A blob of a repository.
    pub(crate) fn blob(&self, name: &str, digest: &Digest) -> Option<&Content> {
        self.repository(name).filter(|repository| repository.blobs.contains(digest))?;
        self.blobs.get(digest)
    }

    /// Puts bytes under a digest, which may be a wrong one.
    pub(crate) fn put(&mut self, digest: &Digest, bytes: Bytes) -> io::Result<()> {
        let content = match self.blob_path(digest) {
            Some(path) => {
                let new = path.with_extension("new");
                fs_err::write(&new, &bytes)?;
                fs_err::rename(new, &path)?;
                Content::File { path, length: bytes.len() as u64 }
            }
            None => Content::Memory(bytes),
        };
        self.blobs.insert(digest.clone(), content);
        Ok(())
    }

    /// A manifest by tag or digest: its digest, type and bytes.
    pub(crate) fn manifest(&self, name: &str, reference: &str) -> Option<(Digest, &str, &Content)> {
        let repository = self.repository(name)?;
        let digest = match reference.parse() {
            Ok(digest) => digest,
            Err(_) => repository.tags.get(reference)?.clone(),
        };
        let media_type = repository.manifests.get(&digest)?;
        let content = self.blobs.get(&digest)?;
        Some((digest, media_type, content))
    }

    pub(crate) fn begin_upload(&mut self, repository: &str) -> io::Result<String> {
        self.next_upload += 1;
        let id = format!("u{}", self.next_upload);
        let directory = self.directory.as_ref();
        let file = directory.map(|directory| fs_err::File::create(directory.path.join("uploads").join(&id)));
        let growing = Growing::new(file.transpose()?);
        self.uploads.insert(id.clone(), Upload { repository: repository.to_owned(), growing });
        Ok(id)
    }

    /// How long an upload is.
    pub(crate) fn upload(&self, repository: &str, id: &str) -> Option<u64> {
        let upload = self.uploads.get(id).filter(|upload| upload.repository == repository)?;
        Some(upload.growing.length())
    }

    pub(crate) fn uploads(&self) -> usize {
        self.uploads.len()
    }

    pub(crate) fn extend_upload(&mut self, id: &str, piece: &[u8]) -> io::Result<()> {
        self.uploads.get_mut(id).ok_or(io::ErrorKind::NotFound)?.growing.push(piece)
    }

    pub(crate) fn drop_upload(&mut self, id: &str) {
        self.uploads.remove(id);
        if let Some(directory) = &self.directory {
            // An upload that was never begun has no file.
            let _ = fs_err::remove_file(directory.path.join("uploads").join(id));
        }
    }

    pub(crate) fn forget_uploads(&mut self) {
        for id in self.uploads.keys().cloned().collect::<Vec<_>>() {
            self.drop_upload(&id);
        }
    }

    /// Makes a blob of an upload. One with another digest than was said is dropped.
    pub(crate) fn finish_upload(&mut self, id: &str, digest: &Digest) -> Result<(), FinishError> {
        let upload = self.uploads.get(id).ok_or(FinishError::Unknown)?;
        if upload.growing.digest(digest.algorithm()).map_err(FinishError::Io)? != *digest {
            self.drop_upload(id);
            return Err(FinishError::Digest);
        }
        let upload = self.uploads.remove(id).ok_or(FinishError::Unknown)?;
        let content = upload.growing.finish(self.blob_path(digest)).map_err(FinishError::Io)?;
        self.blobs.insert(digest.clone(), content);
        self.repository_mut(&upload.repository).blobs.insert(digest.clone());
        self.save().map_err(FinishError::Io)
    }
}
