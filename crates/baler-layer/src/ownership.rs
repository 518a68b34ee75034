//! Which paths of stacked layers a user may write.
//!
//! Where ids cannot be kept ([`crate::apply::Owners::Record`]) every unpacked file is the caller's, and the caller is the
//! build user: the root file system is then mounted read-only but for what owners and modes in the layers let that user
//! write. Each layer carries an index; [`writable_paths`] stacks them.

mod covered;
mod index;
mod path_key;
mod stack;

pub use covered::{CoveredDirectory, covered_directories};
pub use index::{InvalidIndex, OwnershipIndex};
pub(crate) use index::{Node, Permissions};
pub use stack::{StackedLayer, User, WritablePaths, writable_paths};
