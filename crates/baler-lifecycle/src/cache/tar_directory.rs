//! Tars by diffID in a directory, replaced all at once.
//!
//! ```text
//! committed/io.buildpacks.lifecycle.cache.metadata     which layers there are; none in a launch cache
//! committed/sha256:<diffID>.tar                        their tars
//! staging/                                             what this build writes
//! committed-backup/                                    the old content, while staging takes its place
//! ```
//!
//! Nothing else is put into `committed/`: other lifecycles take whatever is in there for theirs.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use baler_cnb::labels::CACHE_METADATA;
use baler_image::Digest;

use super::CacheError;
use crate::files::{FileError, remove_tree, write_file};

pub(super) const COMMITTED: &str = "committed";
const STAGING: &str = "staging";
pub(super) const BACKUP: &str = "committed-backup";

/// The directory.
#[derive(Debug)]
pub(super) struct TarDirectory {
    directory: PathBuf,
}

/// A tar that is being written into the cache. It must not stop an export: what fails is told when it is committed.
#[derive(Debug)]
pub struct StagedTar {
    file: tempfile::NamedTempFile,
    failure: Option<io::Error>,
    directory: PathBuf,
}

impl TarDirectory {
    /// Opens the directory. A commit that was interrupted between its two renames is undone.
    pub(super) fn open(directory: &Path) -> Self {
        let (committed, backup) = (directory.join(COMMITTED), directory.join(BACKUP));
        if !committed.exists() && backup.is_dir() {
            let _ = fs_err::rename(&backup, &committed);
        }
        Self { directory: directory.to_owned() }
    }

    /// Where the tar of `diff_id` is, if it is there.
    pub(super) fn committed(&self, diff_id: &Digest) -> PathBuf {
        self.directory.join(COMMITTED).join(file_name(diff_id))
    }

    /// Where the metadata is.
    pub(super) fn metadata(&self) -> PathBuf {
        self.directory.join(COMMITTED).join(CACHE_METADATA)
    }

    /// Begins a tar.
    pub(super) fn begin(&self) -> Result<StagedTar, CacheError> {
        StagedTar::begin(&self.staging()?)
    }

    /// Makes the tars `diff_ids`, new and old ones, and `metadata` the content. A failure leaves the old one.
    pub(super) fn commit(&self, diff_ids: &[Digest], metadata: Option<&str>) -> Result<(), CacheError> {
        let staging = self.staging()?;
        for diff_id in diff_ids {
            if !staging.join(file_name(diff_id)).exists() {
                self.keep(diff_id, &staging)?;
            }
        }
        let wanted: Vec<String> = diff_ids.iter().map(file_name).collect();
        remove_all_but(&staging, &wanted).map_err(CacheError::File)?;
        if let Some(metadata) = metadata {
            write_file(&staging.join(CACHE_METADATA), metadata.as_bytes(), None).map_err(CacheError::File)?;
        }
        remove_tree(&self.directory.join(BACKUP)).map_err(CacheError::File)?;
        self.replace().map_err(|source| CacheError::Replace { path: self.directory.clone(), source })?;
        remove_tree(&self.directory.join(BACKUP)).map_err(CacheError::File)
    }

    fn staging(&self) -> Result<PathBuf, CacheError> {
        let path = self.directory.join(STAGING);
        fs_err::create_dir_all(&path)
            .map_err(FileError::because("create directory", &path))
            .map_err(CacheError::File)?;
        Ok(path)
    }

    /// Gives a committed tar a place in staging. Where there are no links, or none to another one's file, it is copied.
    fn keep(&self, diff_id: &Digest, staging: &Path) -> Result<(), CacheError> {
        let (old, new) = (self.committed(diff_id), staging.join(file_name(diff_id)));
        let failed = |operation| FileError::because(operation, &old);
        match fs_err::hard_link(&old, &new) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(CacheError::File(failed("link")(error))),
            Err(_) => {
                let mut file = fs_err::File::open(&old).map_err(failed("open")).map_err(CacheError::File)?;
                let mut copy = StagedTar::begin(staging)?;
                io::copy(&mut file, &mut copy).map_err(failed("copy")).map_err(CacheError::File)?;
                copy.commit(diff_id)
            }
        }
    }

    /// Staging takes the place of what was committed; a failure leaves the old content.
    fn replace(&self) -> io::Result<()> {
        let path = |name| self.directory.join(name);
        let has_old = path(COMMITTED).exists();
        if has_old {
            fs_err::rename(path(COMMITTED), path(BACKUP))?;
        }
        if let Err(error) = fs_err::rename(path(STAGING), path(COMMITTED)) {
            if has_old {
                fs_err::rename(path(BACKUP), path(COMMITTED))?;
            }
            return Err(error);
        }
        Ok(())
    }
}

impl StagedTar {
    fn begin(directory: &Path) -> Result<Self, CacheError> {
        let file = tempfile::Builder::new().prefix(".baler-").tempfile_in(directory);
        let file = file.map_err(|source| CacheError::Tar { source })?;
        Ok(Self { file, failure: None, directory: directory.to_owned() })
    }

    /// Gives the tar its name.
    pub(crate) fn commit(self, diff_id: &Digest) -> Result<(), CacheError> {
        let attempt = || {
            if let Some(failure) = self.failure {
                return Err(failure);
            }
            self.file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
            self.file.persist(self.directory.join(file_name(diff_id)))?;
            Ok(())
        };
        attempt().map_err(|source| CacheError::Tar { source })
    }
}

impl Write for StagedTar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failure.is_none() {
            self.failure = self.file.write_all(bytes).err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn file_name(diff_id: &Digest) -> String {
    format!("{diff_id}.tar")
}

/// Removes what earlier builds left that did not end.
fn remove_all_but(directory: &Path, wanted: &[String]) -> Result<(), FileError> {
    let because = || FileError::because("read directory", directory);
    for entry in fs_err::read_dir(directory).map_err(because())? {
        let entry = entry.map_err(because())?;
        if !wanted.iter().any(|name| entry.file_name() == name.as_str()) {
            remove_tree(&entry.path())?;
        }
    }
    Ok(())
}
