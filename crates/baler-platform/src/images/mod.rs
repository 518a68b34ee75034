//! Images in the store and in layouts: found, listed, removed, pruned, shown, saved.

mod caches;
mod inspect;
mod list;
mod locate;
mod prune;
mod save;

pub(crate) use caches::cache_key;
pub use inspect::{Inspection, inspect};
pub use list::{ListError, ListedImage, RemoveError, builders, list, names, remove};
pub use locate::{LocateError, Located, locate};
pub use prune::{PruneError, PrunePlan, PruneRequest, plan_prune, prune, would_free};
pub use save::{SaveError, save};
