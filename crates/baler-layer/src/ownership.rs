//! Which paths of stacked layers a user may write.
//!
//! Where ids cannot be kept ([`crate::apply::Owners::Record`]) every unpacked file is the caller's, and the caller is the
//! build user: the root file system is then mounted read-only but for what owners and modes in the layers let that user
//! write. Each layer carries an index; [`writable_paths`] stacks them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What one layer says about owners; made by [`crate::apply::apply`], kept beside the unpacked layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnershipIndex {
    // filled in with the applier
}

impl OwnershipIndex {
    /// Directories that the layer has only because something lies in them. In an overlay they would hide mode and owner
    /// of the same directory in a lower layer (`/tmp` would lose its 1777).
    pub fn implicit_directories(&self) -> impl Iterator<Item = &Path> {
        std::iter::empty()
    }
}

/// A layer in a stack.
#[derive(Clone, Copy, Debug)]
pub struct StackedLayer<'a> {
    pub index: &'a OwnershipIndex,
    /// Where the layer is unpacked; looked at only to see whether an upper layer has a path again.
    pub root: &'a Path,
}

/// A user with all its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    /// Primary and supplementary groups.
    pub gids: Vec<u32>,
}

/// What a user may write, as mounts are made of it. Paths are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritablePaths {
    /// Topmost directories and files that the user may write.
    pub writable: Vec<PathBuf>,
    /// Directories in those which the user may not write.
    pub read_only_below: Vec<PathBuf>,
}

/// Computes what `user` may write in `layers`, bottom first.
pub fn writable_paths(layers: &[StackedLayer<'_>], user: &User) -> WritablePaths {
    todo!()
}
