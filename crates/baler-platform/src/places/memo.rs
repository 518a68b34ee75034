//! What one command has found: an image that is asked for twice is found once, also by two threads at the same time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baler_image::{Digest, Platform};

use super::located::{LocateError, Located};
use super::search::Search;

/// What an image was asked for by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The reference in full.
    pub(super) reference: String,
    pub(super) platform: Platform,
    pub(super) is_exact: bool,
    pub(super) search: Search,
}

type Slot = Arc<Mutex<Option<Located>>>;

/// Images and documents that were found.
#[derive(Default)]
pub(super) struct Memo {
    images: Mutex<BTreeMap<Key, Slot>>,
    documents: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memo {
    /// The image of `key`: `find` is given what was found before, and what it returns is kept. Who asks for the same image
    /// meanwhile waits.
    pub(super) fn image(
        &self,
        key: Key,
        find: impl FnOnce(Option<Located>) -> Result<Located, LocateError>,
    ) -> Result<Located, LocateError> {
        let slot = Arc::clone(locked(&self.images).entry(key).or_default());
        let mut slot = locked(&slot);
        let found = find(slot.clone())?;
        *slot = Some(found.clone());
        Ok(found)
    }

    pub(super) fn document(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        locked(&self.documents).get(digest).cloned()
    }

    pub(super) fn keep_document(&self, digest: &Digest, bytes: &[u8]) {
        locked(&self.documents).insert(digest.clone(), bytes.into());
    }
}
