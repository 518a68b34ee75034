//! A cache in a directory, as all lifecycles read and write it (lifecycle, "Caches"): tars and metadata, see `tar_directory`.
//!
//! A tar that restore has checked, and that is still the same file, stays by a link; it is neither read again nor copied.
//! What restore and export tell each other is beside it, see `handover`.

use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use baler_cnb::labels::{CacheMetadata, encode};
use baler_image::Digest;

use super::handover::{CheckedTars, FileIdentity, Handover, identity};
use super::record::{BlobRecords, CachedBlob};
use super::tar_directory::{StagedTar, TarDirectory};
use super::{Cache, CacheError, CacheUpdate, DamagedCache, diff_ids};
use crate::files::{FileError, read_optional};
use crate::restore::Restoration;

/// A cache in a directory.
#[derive(Debug)]
pub struct VolumeCache {
    tars: TarDirectory,
    metadata: Option<CacheMetadata>,
    empty: CacheMetadata,
    damage: Option<DamagedCache>,
    handover: Handover,
    records: BlobRecords,
    /// Tars that were opened to be restored, which checks them. What failed the check is in no restoration.
    opened: Mutex<CheckedTars>,
}

impl VolumeCache {
    /// Opens the cache in `directory`, which must exist. Metadata that cannot be read is an empty cache.
    pub fn open(directory: &Path) -> Result<Self, CacheError> {
        if !directory.is_dir() {
            return Err(CacheError::NoDirectory { path: directory.to_owned() });
        }
        let tars = TarDirectory::open(directory);
        let bytes = read_optional(&tars.metadata()).map_err(CacheError::File)?;
        let (metadata, damage) = match bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose() {
            Ok(metadata) => (metadata, None),
            Err(source) => {
                let damage = DamagedCache::Metadata { path: directory.to_owned(), source };
                (Some(CacheMetadata::default()), Some(damage))
            }
        };
        let handover = Handover::new(directory);
        let records = handover.records();
        let (empty, opened) = (CacheMetadata::default(), Mutex::default());
        Ok(Self { tars, metadata, empty, damage, handover, records, opened })
    }

    /// Why its metadata cannot be used, if there is some.
    pub fn damage(&self) -> Option<&DamagedCache> {
        self.damage.as_ref()
    }

    fn opened(&self) -> MutexGuard<'_, CheckedTars> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
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
        let path = self.tars.committed(diff_id);
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
        let is_same =
            |checked: &FileIdentity| identity(&self.tars.committed(&diff_id)).is_ok_and(|found| found == *checked);
        self.opened().get(&diff_id).is_some_and(is_same)
    }

    fn begin_tar(&self) -> Result<Option<StagedTar>, CacheError> {
        self.tars.begin().map(Some)
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
        let diff_ids = diff_ids(&update.metadata);
        let metadata = encode(&update.metadata).map_err(CacheError::Encode)?;
        self.tars.commit(&diff_ids, Some(&metadata))?;
        let mut blobs = update.blobs;
        blobs.retain(|diff_id, _| diff_ids.contains(diff_id));
        self.handover.put_records(&BlobRecords::new(blobs))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use baler_cnb::labels::{BuildpackLayers, CACHE_METADATA, LayerMetadata};

    use super::super::tar_directory::{BACKUP, COMMITTED, file_name};
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
