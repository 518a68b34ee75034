//! Images in the store and in layouts: found, listed, removed, shown, saved.

mod inspect;
mod list;
mod locate;
mod save;

pub use inspect::{Inspection, inspect};
pub use list::{ListError, ListedImage, RemoveError, builders, list, remove};
pub use locate::{LocateError, Located, locate};
pub use save::{SaveError, save};
