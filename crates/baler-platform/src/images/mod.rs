//! Images in the store and in layouts: found, listed, removed, shown, saved.

mod copy;
mod inspect;
mod list;
mod locate;
mod save;

pub use copy::CopyBlobError;
pub(crate) use copy::copy_blobs;
pub use inspect::{Inspection, inspect};
pub use list::{ListError, ListedImage, RemoveError, list, remove};
pub use locate::{LocateError, Located, locate};
pub use save::{SaveError, save};
