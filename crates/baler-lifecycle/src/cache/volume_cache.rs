//! A cache in a directory, as all lifecycles read and write it (lifecycle, "Caches").
//!
//! ```text
//! committed/io.buildpacks.lifecycle.cache.metadata     which layers there are
//! committed/sha256:<diffID>.tar                        their tars
//! staging/                                             what this build writes
//! committed-backup/                                    the old content, while staging takes its place
//! baler/                                               what restore and export tell each other: see `handover`
//! ```
//!
//! Nothing else is put into `committed/`: other lifecycles take whatever is in there for theirs. A tar that restore has
//! checked, and that is still the same file, stays by a link; it is neither read again nor copied.

use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use baler_cnb::labels::{CACHE_METADATA, CacheMetadata, encode};
use baler_image::Digest;

use super::handover::{CheckedTars, FileIdentity, Handover, identity};
use super::record::{BlobRecords, CachedBlob};
use super::{Cache, CacheError, CacheUpdate, diff_ids};
use crate::files::{FileError, read_optional, remove_tree, write_file};
use crate::restore::Restoration;

const COMMITTED: &str = "committed";
const STAGING: &str = "staging";
const BACKUP: &str = "committed-backup";

/// A cache in a directory.
#[derive(Debug)]
pub struct VolumeCache {
    directory: PathBuf,
    metadata: Option<CacheMetadata>,
    empty: CacheMetadata,
    damage: Option<serde_json::Error>,
    handover: Handover,
    records: BlobRecords,
    /// Tars that were opened to be restored, which checks them. What failed the check is in no restoration.
    opened: Mutex<CheckedTars>,
}

/// A tar that is being written into the cache. It must not stop an export: what fails is told when it is committed.
#[derive(Debug)]
pub struct StagedTar {
    file: tempfile::NamedTempFile,
    failure: Option<io::Error>,
    directory: PathBuf,
}

impl VolumeCache {
    /// Opens the cache in `directory`, which must exist. Metadata that cannot be read is an empty cache.
    pub fn open(directory: &Path) -> Result<Self, CacheError> {
        if !directory.is_dir() {
            return Err(CacheError::NoDirectory { path: directory.to_owned() });
        }
        let (committed, backup) = (directory.join(COMMITTED), directory.join(BACKUP));
        // A commit that was interrupted between its two renames.
        if !committed.exists() && backup.is_dir() {
            let _ = fs_err::rename(&backup, &committed);
        }
        let bytes = read_optional(&committed.join(CACHE_METADATA)).map_err(CacheError::File)?;
        let (metadata, damage) = match bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose() {
            Ok(metadata) => (metadata, None),
            Err(error) => (Some(CacheMetadata::default()), Some(error)),
        };
        let handover = Handover::new(directory);
        let records = handover.records();
        let (directory, empty, opened) = (directory.to_owned(), CacheMetadata::default(), Mutex::default());
        Ok(Self { directory, metadata, empty, damage, handover, records, opened })
    }

    /// Why its metadata cannot be used, if there is some.
    pub fn damage(&self) -> Option<&serde_json::Error> {
        self.damage.as_ref()
    }

    fn committed(&self, diff_id: &Digest) -> PathBuf {
        self.directory.join(COMMITTED).join(file_name(diff_id))
    }

    fn staging(&self) -> Result<PathBuf, CacheError> {
        let path = self.directory.join(STAGING);
        fs_err::create_dir_all(&path)
            .map_err(FileError::because("create directory", &path))
            .map_err(CacheError::File)?;
        Ok(path)
    }

    fn opened(&self) -> MutexGuard<'_, CheckedTars> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Cache for VolumeCache {
    fn exists(&self) -> bool {
        self.metadata.is_some()
    }

    fn metadata(&self) -> &CacheMetadata {
        self.metadata.as_ref().unwrap_or(&self.empty)
    }

    fn read(&self, diff_id: &Digest) -> Result<Box<dyn Read + Send>, CacheError> {
        let path = self.committed(diff_id);
        let attempt = || {
            let file = fs_err::File::open(&path)?;
            let identity = FileIdentity::of(&file.metadata()?);
            Ok((file, identity))
        };
        let (file, identity) = attempt().map_err(FileError::because("open", &path)).map_err(CacheError::File)?;
        self.opened().insert(diff_id.clone(), identity);
        Ok(Box::new(file))
    }

    fn blob(&self, diff_id: &Digest) -> Option<&CachedBlob> {
        self.records.blobs.get(diff_id)
    }

    fn holds(&self, diff_id: &str) -> bool {
        let Ok(diff_id) = diff_id.parse() else { return false };
        let is_same = |checked: &FileIdentity| identity(&self.committed(&diff_id)).is_ok_and(|found| found == *checked);
        self.opened().get(&diff_id).is_some_and(is_same)
    }

    fn begin_tar(&self) -> Result<Option<StagedTar>, CacheError> {
        Ok(Some(StagedTar::begin(&self.staging()?)?))
    }

    fn hand_over(&self, restoration: &Restoration) -> Result<(), CacheError> {
        self.handover.put(restoration, &self.opened())
    }

    fn handed_over(&self) -> Restoration {
        let (restoration, tars) = self.handover.get();
        self.opened().extend(tars);
        restoration
    }

    fn commit(&self, update: CacheUpdate) -> Result<(), CacheError> {
        let staging = self.staging()?;
        let diff_ids = diff_ids(&update.metadata);
        for diff_id in &diff_ids {
            if !staging.join(file_name(diff_id)).exists() {
                self.keep(diff_id, &staging)?;
            }
        }
        let wanted: Vec<String> = diff_ids.iter().map(file_name).collect();
        remove_all_but(&staging, &wanted).map_err(CacheError::File)?;
        let metadata = encode(&update.metadata).map_err(CacheError::Encode)?;
        write_file(&staging.join(CACHE_METADATA), metadata.as_bytes(), None).map_err(CacheError::File)?;
        remove_tree(&self.directory.join(BACKUP)).map_err(CacheError::File)?;
        self.replace().map_err(|source| CacheError::Replace { path: self.directory.clone(), source })?;
        remove_tree(&self.directory.join(BACKUP)).map_err(CacheError::File)?;
        let mut blobs = update.blobs;
        blobs.retain(|diff_id, _| diff_ids.contains(diff_id));
        self.handover.put_records(&BlobRecords::new(blobs))
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

fn file_name(diff_id: &Digest) -> String {
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

#[cfg(test)]
mod tests {
    use baler_cnb::labels::{BuildpackLayers, LayerMetadata};

    use super::*;

    fn update(layers: &[&Digest]) -> CacheUpdate {
        let layer = |digest: &&Digest| {
            (digest.hex().to_owned(), LayerMetadata { sha: digest.to_string(), ..LayerMetadata::default() })
        };
        let layers = layers.iter().map(layer).collect();
        let buildpacks = vec![BuildpackLayers { key: "a".into(), layers, ..BuildpackLayers::default() }];
        let metadata = CacheMetadata { buildpacks, ..CacheMetadata::default() };
        CacheUpdate { metadata, ..CacheUpdate::default() }
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs_err::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn stage(cache: &VolumeCache, text: &str) -> Digest {
        let digest = Digest::of(text.as_bytes());
        let mut tar = cache.begin_tar().unwrap().unwrap();
        tar.write_all(text.as_bytes()).unwrap();
        tar.commit(&digest).unwrap();
        digest
    }

    #[test]
    fn committed_holds_what_was_committed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let committed = directory.path().join(COMMITTED);
        let cache = VolumeCache::open(directory.path()).unwrap();
        assert!(!cache.exists());
        let (one, two) = (stage(&cache, "one"), stage(&cache, "two"));
        drop(cache.begin_tar().unwrap());
        cache.commit(update(&[&one])).unwrap();
        assert_eq!(names(&committed), [CACHE_METADATA.to_owned(), file_name(&one)]);
        assert_eq!(names(directory.path()), [COMMITTED]);

        let cache = VolumeCache::open(directory.path()).unwrap();
        assert!(cache.exists());
        stage(&cache, "two");
        cache.commit(update(&[&one, &two])).unwrap();
        assert_eq!(names(&committed).len(), 3);
        let mut text = String::new();
        cache.read(&two).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "two");
    }

    #[test]
    fn what_is_missing_leaves_the_old_content() {
        let directory = tempfile::tempdir().unwrap();
        let cache = VolumeCache::open(directory.path()).unwrap();
        let one = stage(&cache, "one");
        cache.commit(update(&[&one])).unwrap();
        let absent = Digest::of(b"absent");
        assert!(VolumeCache::open(directory.path()).unwrap().commit(update(&[&absent])).is_err());
        assert!(VolumeCache::open(directory.path()).unwrap().read(&one).is_ok());
    }

    #[test]
    fn an_interrupted_commit_is_undone() {
        let directory = tempfile::tempdir().unwrap();
        let cache = VolumeCache::open(directory.path()).unwrap();
        let one = stage(&cache, "one");
        cache.commit(update(&[&one])).unwrap();
        fs_err::rename(directory.path().join(COMMITTED), directory.path().join(BACKUP)).unwrap();
        assert!(VolumeCache::open(directory.path()).unwrap().exists());
        assert!(matches!(VolumeCache::open(Path::new("/nowhere/at/all")).unwrap_err(), CacheError::NoDirectory { .. }));
    }
}
