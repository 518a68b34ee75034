//! What goes from the store to make room: decided first, removed afterwards.
//!
//! Without further wishes only what nothing refers to goes: content without a name, and caches whose image is gone. An
//! image that goes takes its cache along. An image that a running build has begun with keeps its name, and whatever a
//! running process uses keeps its content.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::time::{Duration, SystemTime};

use baler_image::Digest;
use baler_store::{CacheEntry, CollectError, Freed, RecordError, Store, StoredImage, Without};

use super::caches::{caches_of, is_orphan};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct PruneRequest {
    /// Images that were neither written nor used for this long go.
    pub older_than: Option<Duration>,
    /// Images go, those that were not used for longest first, until the store has no more bytes than this.
    pub keep_size: Option<u64>,
    /// All caches go.
    pub caches: bool,
    /// All images and all caches go.
    pub all: bool,
    pub now: SystemTime,
}

/// What goes beside content that nothing refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrunePlan {
    without: Without,
}

impl PrunePlan {
    /// The images that go, by their names.
    pub fn images(&self) -> Vec<String> {
        self.without.images.iter().map(baler_image::Reference::familiar).collect()
    }
}

/// Why the store could not be pruned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    #[error("{0}")]
    Record(#[from] RecordError),
    #[error("could not list the caches of the store")]
    Caches { source: io::Error },
    #[error("{0}")]
    Collect(#[from] CollectError),
}

/// Decides what goes.
pub fn plan_prune(store: &Store, request: &PruneRequest) -> Result<PrunePlan, PruneError> {
    let caches = store.caches().map_err(|source| PruneError::Caches { source })?;
    let used: HashSet<Digest> = store.used_by_processes()?.into_iter().collect();
    let mut images = store.images()?;
    let names: BTreeSet<_> = images.iter().map(|image| image.reference.clone()).collect();
    let mut plan = PrunePlan::default();
    let orphans = caches.iter().filter(|cache| request.caches || request.all || is_orphan(cache, &names));
    plan.without.caches = orphans.map(|cache| cache.name.clone()).collect();

    images.retain(|image| !used.contains(&image.descriptor.digest));
    images.sort_by_key(|image| image.used);
    let is_old = |image: &StoredImage| {
        let age = request.now.duration_since(image.used).unwrap_or_default();
        request.all || request.older_than.is_some_and(|limit| age >= limit)
    };
    let (old, rest): (Vec<_>, Vec<_>) = images.into_iter().partition(is_old);
    add(&mut plan, &caches, old);
    match request.keep_size {
        Some(limit) => shrink(store, plan, &caches, rest, limit),
        None => Ok(plan),
    }
}

fn add(plan: &mut PrunePlan, caches: &[CacheEntry], images: impl IntoIterator<Item = StoredImage>) {
    let images: BTreeSet<_> = images.into_iter().map(|image| image.reference).collect();
    plan.without.caches.extend(caches_of(caches, &images));
    plan.without.images.extend(images);
}

/// Adds images, the first of `images` first, until what is left is small enough.
fn shrink(
    store: &Store,
    mut plan: PrunePlan,
    caches: &[CacheEntry],
    images: Vec<StoredImage>,
    limit: u64,
) -> Result<PrunePlan, PruneError> {
    let survey = store.survey()?;
    for image in images {
        if survey.total() - survey.would_free(&plan.without)?.bytes <= limit {
            break;
        }
        add(&mut plan, caches, [image]);
    }
    Ok(plan)
}

/// What [`prune`] would free now.
pub fn would_free(store: &Store, plan: &PrunePlan) -> Result<Freed, PruneError> {
    Ok(store.survey()?.would_free(&plan.without)?)
}

/// Removes what was decided, and what nothing refers to then.
pub fn prune(store: &Store, plan: &PrunePlan) -> Result<Freed, PruneError> {
    Ok(store.remove_all(&plan.without)?)
}
