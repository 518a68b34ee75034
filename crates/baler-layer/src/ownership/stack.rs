//! Stacking: upper layers replace, hide and remove what lower ones have, as in an overlay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::index::{Node, OwnershipIndex, Permissions, remove_tree};
use super::path_key::PathKey;

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
///
/// Mounted in the order of their paths, whichever list they are in, the inner ones lie over the outer: a writable path
/// can be inside a read-only one that is inside a writable one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritablePaths {
    /// Directories and files that the user may write, where what is around them is not.
    pub writable: Vec<PathBuf>,
    /// Directories in those which the user may not write.
    pub read_only_below: Vec<PathBuf>,
}

/// Computes what `user` may write in `layers`, bottom first.
///
/// The owner of a file or directory counts as able to write it, being free to change its mode. Directories that the user
/// cannot get at, since one above denies the way, are not writable.
pub fn writable_paths(layers: &[StackedLayer<'_>], user: &User) -> WritablePaths {
    let mut tree = BTreeMap::new();
    for (number, layer) in layers.iter().enumerate() {
        add_layer(&mut tree, number, layer.index);
    }
    let mut found = WritablePaths::default();
    let mut around: Vec<Around<'_>> = Vec::new();
    for (path, merged) in &tree {
        while around.last().is_some_and(|outer| !path.is_within(outer.path)) {
            around.pop();
        }
        let (outer_writable, is_reachable) = around.last().map_or((false, true), |outer| outer.answer);
        let is_writable = is_reachable && user.may_write(merged);
        // What matters is where the answer changes; there alone the disk is asked.
        let is_change = is_writable != outer_writable && (is_writable || merged.is_directory);
        let is_hidden = || is_hidden(&layers[merged.layer + 1..], &path.to_path(), merged.is_directory);
        let is_change = is_change && !is_hidden();
        if is_change {
            let list = if is_writable { &mut found.writable } else { &mut found.read_only_below };
            list.push(Path::new("/").join(path.to_path()));
        }
        if merged.is_directory {
            let writable = if is_change { is_writable } else { outer_writable };
            around.push(Around { path, answer: (writable, is_reachable && user.may_search(merged)) });
        }
    }
    found
}

/// A directory around the current path: whether it is mounted writable, and whether the user gets through it.
struct Around<'a> {
    path: &'a PathKey,
    answer: (bool, bool),
}

/// A path of the merged tree.
struct Merged {
    layer: usize,
    is_directory: bool,
    permissions: Permissions,
}

impl User {
    fn may_write(&self, merged: &Merged) -> bool {
        self.has_right(merged.permissions, if merged.is_directory { 0o3 } else { 0o2 })
    }

    fn may_search(&self, merged: &Merged) -> bool {
        self.has_right(merged.permissions, 0o1)
    }

    fn has_right(&self, permissions: Permissions, bits: u32) -> bool {
        if self.uid == 0 || permissions.uid == u64::from(self.uid) {
            return true;
        }
        let is_member = self.gids.iter().any(|gid| permissions.gid == u64::from(*gid));
        let shift = if is_member { 3 } else { 0 };
        permissions.mode >> shift & bits == bits
    }
}

fn add_layer(tree: &mut BTreeMap<PathKey, Merged>, layer: usize, index: &OwnershipIndex) {
    // Removals first: they are about lower layers only, wherever they stand in this one.
    for path in &index.opaque {
        let kept = tree.remove(path);
        remove_tree(tree, path);
        tree.extend(kept.map(|kept| (path.clone(), kept)));
    }
    for (path, node) in &index.nodes {
        if matches!(node, Node::Whiteout | Node::File(_)) {
            remove_tree(tree, path);
        }
    }
    for (path, node) in &index.nodes {
        let merged = match *node {
            Node::Directory(permissions) => Merged { layer, is_directory: true, permissions },
            Node::File(permissions) => Merged { layer, is_directory: false, permissions },
            Node::Implicit if tree.get(path).is_some_and(|lower| lower.is_directory) => continue,
            Node::Implicit => {
                Merged { layer, is_directory: true, permissions: Permissions { uid: 0, gid: 0, mode: 0o755 } }
            }
            Node::Whiteout => continue,
        };
        tree.insert(path.clone(), merged);
    }
}

/// Whether one of the `upper` layers has something else at `path` or above it. Their directories are all in the index;
/// what is not there are files that only root may write, and links.
pub(super) fn is_hidden(upper: &[StackedLayer<'_>], path: &Path, is_directory: bool) -> bool {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let is_other = |layer: &StackedLayer<'_>| -> rustix::io::Result<bool> {
        let root = openat2(CWD, layer.root, flags, Mode::empty(), ResolveFlags::empty())?;
        match openat2(&root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS) {
            Ok(found) => {
                let found_directory = FileType::from_raw_mode(fstat(&found)?.st_mode) == FileType::Directory;
                Ok(!(is_directory && found_directory))
            }
            Err(Errno::NOENT) => Ok(false),
            Err(Errno::NOTDIR | Errno::LOOP) => Ok(true),
            Err(error) => Err(error),
        }
    };
    // What cannot be looked at is not given away.
    !path.as_os_str().is_empty() && upper.iter().any(|layer| is_other(layer).unwrap_or(true))
}

#[cfg(test)]
mod tests;
