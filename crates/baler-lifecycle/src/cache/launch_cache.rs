//! The launch cache: tars of the launch layers of an image that goes to a daemon (lifecycle, "Caches").
//!
//! A daemon gives out all of an image or nothing. Where a layer below has changed, those above have to be sent again,
//! also the ones that are what they were; their bytes come from here, and the image need not be exported for them.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use baler_daemon::Copies;
use baler_image::Digest;
use baler_layer::sink::hash_only;

use super::CacheError;
use super::tar_directory::{StagedTar, TarDirectory};

/// A launch cache.
#[derive(Debug)]
pub struct LaunchCache {
    tars: TarDirectory,
    /// Whether the tars that were looked at are what their names say.
    checked: Mutex<BTreeMap<Digest, bool>>,
}

impl LaunchCache {
    /// Opens the cache in `directory`, which may be empty.
    pub fn open(directory: &Path) -> Self {
        Self { tars: TarDirectory::open(directory), checked: Mutex::default() }
    }

    /// Whether there is a tar of this name.
    pub(crate) fn has(&self, diff_id: &str) -> bool {
        diff_id.parse().is_ok_and(|diff_id| self.tars.committed(&diff_id).is_file())
    }

    /// Begins a tar.
    pub(crate) fn begin(&self) -> Result<StagedTar, CacheError> {
        self.tars.begin()
    }

    /// Makes the tars of these layers its content: those that were staged, and those that are there and not known to
    /// be damaged.
    pub(crate) fn commit<'a>(
        &self,
        layers: impl Iterator<Item = (&'a Digest, Option<StagedTar>)>,
    ) -> Result<(), CacheError> {
        let mut kept = Vec::new();
        for (diff_id, staged) in layers {
            let is_new = staged.is_some();
            if let Some(tar) = staged {
                tar.commit(diff_id)?;
            }
            let is_damaged = self.checked().get(diff_id) == Some(&false);
            if is_new || (!is_damaged && self.tars.committed(diff_id).is_file()) {
                kept.push(diff_id.clone());
            }
        }
        self.tars.commit(&kept, None)
    }

    fn checked(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, bool>> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_whole(&self, diff_id: &Digest) -> bool {
        if let Some(known) = self.checked().get(diff_id) {
            return *known;
        }
        let hash = || -> io::Result<Digest> {
            let mut file = fs_err::File::open(self.tars.committed(diff_id))?;
            Ok(hash_only(|output| io::copy(&mut file, output).map(drop))?.diff_id)
        };
        let is_whole = hash().is_ok_and(|found| found == *diff_id);
        self.checked().insert(diff_id.clone(), is_whole);
        is_whole
    }
}

impl Copies for LaunchCache {
    /// Only what is whole: a daemon that is sent something else has to be sent everything again.
    fn open(&self, digest: &Digest) -> Option<Box<dyn Read + Send>> {
        let path = self.tars.committed(digest);
        if !path.is_file() || !self.is_whole(digest) {
            return None;
        }
        Some(Box::new(fs_err::File::open(path).ok()?))
    }
}
