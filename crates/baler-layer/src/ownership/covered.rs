//! Directories whose mode and owner an upper layer covers, although it says nothing of them.
//!
//! A layer that has `tmp/file` without `tmp` has the directory only because the file lies in it. Applied to what is
//! below, as image layers are meant, `/tmp` keeps its 1777; as the upper directory of an overlay, it would hide it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::index::{Node, OwnershipIndex, Permissions};
use super::stack::{StackedLayer, is_hidden};

/// What an implicit directory is like.
const IMPLICIT: Permissions = Permissions { uid: 0, gid: 0, mode: 0o755 };

/// A directory and what it is like in the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoveredDirectory {
    /// Relative; the empty path is the root.
    pub path: PathBuf,
    pub uid: u64,
    pub gid: u64,
    pub mode: u32,
}

/// The directories of `layers` (bottom first) that are covered, and all those above them, ordered by path. A layer with
/// these entries on top of the stack puts everything right.
pub fn covered_directories(layers: &[StackedLayer<'_>]) -> Vec<CoveredDirectory> {
    let mut found = BTreeMap::new();
    for layer in layers {
        for path in layer.index.implicit_directories() {
            let is_new = !found.contains_key(&path);
            if is_new && is_covered(layers, &path) {
                for directory in path.ancestors() {
                    found.insert(directory.to_owned(), permissions(layers, directory));
                }
            }
        }
    }
    let directory = |(path, Permissions { uid, gid, mode })| CoveredDirectory { path, uid, gid, mode };
    found.into_iter().map(directory).collect()
}

/// Whether the topmost layer that has the directory says nothing of it, and a lower one says something else.
fn is_covered(layers: &[StackedLayer<'_>], path: &Path) -> bool {
    let topmost = layers.iter().rev().find_map(|layer| layer.index.node(path));
    topmost == Some(Node::Implicit) && permissions(layers, path) != IMPLICIT
}

/// What the directory is like when each layer is applied to those below it.
fn permissions(layers: &[StackedLayer<'_>], path: &Path) -> Permissions {
    for layer in layers.iter().rev() {
        match layer.index.node(path) {
            Some(Node::Directory(permissions)) => return permissions,
            Some(Node::File(_) | Node::Whiteout) => break,
            // An index has all directories; what it lacks there is something else, or nothing.
            None if is_hidden(std::slice::from_ref(layer), path, true) => break,
            Some(Node::Implicit) | None => {}
        }
        if hides_lower_layers(layer.index, path) {
            break;
        }
    }
    IMPLICIT
}

/// Whether lower layers' entry at `path` is gone: it, or something above it, is removed, replaced, or begun anew.
fn hides_lower_layers(index: &OwnershipIndex, path: &Path) -> bool {
    let is_removed = |path: &Path| matches!(index.node(path), Some(Node::Whiteout | Node::File(_)));
    // An opaque directory merges with the one below; only what is in it does not.
    path.ancestors().any(is_removed) || path.ancestors().skip(1).any(|above| index.is_opaque(above))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `path mode uid` for a directory of its own, `path` alone for an implicit one, `!path` for a whiteout, `*path`
    /// for an opaque directory.
    fn index(entries: &[&str]) -> OwnershipIndex {
        let mut index = OwnershipIndex::default();
        for entry in entries {
            match entry.split(' ').collect::<Vec<_>>()[..] {
                [path, mode, uid] => {
                    let mode = u32::from_str_radix(mode, 8).unwrap();
                    let permissions = Permissions { uid: uid.parse().unwrap(), gid: 0, mode };
                    index.insert(Path::new(path), Node::Directory(permissions));
                }
                [path] if path.starts_with('!') => index.insert(Path::new(&path[1..]), Node::Whiteout),
                [path] if path.starts_with('*') => index.set_opaque(Path::new(&path[1..])),
                [path] => index.insert(Path::new(path), Node::Implicit),
                _ => panic!("{entry}"),
            }
        }
        index
    }

    fn covered(layers: &[&[&str]]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let indexes: Vec<_> = layers.iter().map(|entries| index(entries)).collect();
        let layers: Vec<_> = indexes.iter().map(|index| StackedLayer { index, root: directory.path() }).collect();
        let text = |found: CoveredDirectory| format!("{} {:o} {}", found.path.display(), found.mode, found.uid);
        covered_directories(&layers).into_iter().map(text).collect()
    }

    const BASE: &[&str] = &[" 755 0", "home 755 0", "home/cnb 750 1000", "tmp 1777 0"];

    #[test]
    fn what_a_lower_layer_says_is_kept() {
        assert!(covered(&[BASE]).is_empty());
        assert_eq!(covered(&[BASE, &["", "tmp"]]), [" 755 0", "tmp 1777 0"]);
        let expected = [" 755 0", "home 755 0", "home/cnb 750 1000"];
        assert_eq!(covered(&[BASE, &["", "home", "home/cnb"], &["", "home", "home/cnb"]]), expected);
        assert_eq!(covered(&[&["tmp"], BASE, &["tmp"]]), [" 755 0", "tmp 1777 0"]);
    }

    #[test]
    fn what_needs_nothing() {
        let nothing: [&[&str]; 6] =
            [&["", "home"], &["new", "new/own"], &["tmp 700 0"], &["!tmp"], &["*home", "home", "home/cnb"], &[]];
        for layer in nothing {
            assert!(covered(&[BASE, layer]).is_empty(), "{layer:?}");
        }
        assert!(covered(&[BASE, &["tmp"], &["tmp 1777 0"]]).is_empty(), "said again above");
        assert!(covered(&[BASE, &["!tmp"], &["tmp"]]).is_empty(), "removed and made again");
    }
}
