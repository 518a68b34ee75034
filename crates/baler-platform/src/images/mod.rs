//! Images of the store: listed, removed, pruned, shown, saved.

mod caches;
mod inspect;
mod list;
mod prune;
mod save;
mod sbom;
mod transfer;

pub(crate) use caches::{cache_key, published_cache_key, volume_cache_key};
pub use inspect::{Inspection, ListedProcess, Side, Sides, inspect, inspect_sides};
pub use list::{ListError, ListedImage, RemoveError, builders, list, names, remove};
pub use prune::{PruneError, PrunePlan, PruneRequest, plan_prune, prune, would_free};
pub use save::{SaveError, save};
pub use sbom::{SbomError, download_sbom};
pub use transfer::{TransferError, pull, push, tag};
