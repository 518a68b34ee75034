//! What one layer says about owners: all its directories, the files that someone other than root may write, whiteouts.
//!
//! Written as groups of paths with the same attributes, since most are `0:0 0755`. Paths are relative, with bytes that
//! are not UTF-8 (and `%`) as `%XX`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::path_key::PathKey;

/// What one layer says about owners; made by [`crate::apply::apply`], kept beside the unpacked layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Groups", try_from = "Groups")]
pub struct OwnershipIndex {
    pub(super) nodes: BTreeMap<PathKey, Node>,
    /// Directories that hide what lower layers have in them.
    pub(super) opaque: BTreeSet<PathKey>,
}

/// What a path is in one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Directory(Permissions),
    /// A file that someone other than root may write.
    File(Permissions),
    /// A directory that the layer has only because something lies in it.
    Implicit,
    /// Lower layers' entry is gone.
    Whiteout,
}

/// Owner and mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Permissions {
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) mode: u32,
}

impl Permissions {
    /// Whether someone other than root could have the right to write.
    pub(crate) fn concerns_users(self) -> bool {
        self.uid != 0 || self.gid != 0 || self.mode & 0o002 != 0
    }
}

impl OwnershipIndex {
    /// Directories that the layer has only because something lies in them. In an overlay they would hide mode and owner
    /// of the same directory in a lower layer (`/tmp` would lose its 1777).
    pub fn implicit_directories(&self) -> impl Iterator<Item = PathBuf> {
        self.nodes.iter().filter(|(_, node)| **node == Node::Implicit).map(|(path, _)| path.to_path())
    }

    /// What `path` is in this layer.
    pub(super) fn node(&self, path: &Path) -> Option<Node> {
        self.nodes.get(&PathKey::from(path)).copied()
    }

    /// Whether `path` is a directory that hides what lower layers have in it.
    pub(crate) fn is_opaque(&self, path: &Path) -> bool {
        self.opaque.contains(&PathKey::from(path))
    }

    /// Sets what `path` is in this layer.
    pub(crate) fn insert(&mut self, path: &Path, node: Node) {
        self.nodes.insert(path.into(), node);
    }

    /// Forgets `path` and all below it.
    pub(crate) fn remove(&mut self, path: &Path) {
        let path = PathKey::from(path);
        remove_tree(&mut self.nodes, &path);
        self.opaque.retain(|opaque| !opaque.is_within(&path));
    }

    pub(crate) fn set_opaque(&mut self, path: &Path) {
        self.opaque.insert(path.into());
    }
}

/// Removes `path` and all below it from an ordered map.
pub(super) fn remove_tree<T>(nodes: &mut BTreeMap<PathKey, T>, path: &PathKey) {
    let below = nodes.range(path.clone()..).take_while(|(found, _)| found.is_within(path));
    for found in below.map(|(found, _)| found.clone()).collect::<Vec<_>>() {
        nodes.remove(&found);
    }
}

/// An index that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an ownership index cannot have '{0}'")]
pub struct InvalidIndex(pub String);

/// The form in which an index is stored.
type Groups = BTreeMap<String, Vec<String>>;

impl From<OwnershipIndex> for Groups {
    fn from(index: OwnershipIndex) -> Self {
        let mut groups = Self::new();
        for (path, node) in &index.nodes {
            groups.entry(label(*node)).or_default().push(escape(&path.to_path()));
        }
        for path in &index.opaque {
            groups.entry("opaque".to_owned()).or_default().push(escape(&path.to_path()));
        }
        groups
    }
}

impl TryFrom<Groups> for OwnershipIndex {
    type Error = InvalidIndex;

    fn try_from(groups: Groups) -> Result<Self, Self::Error> {
        let mut index = Self::default();
        for (label, paths) in groups {
            let node = parse_label(&label);
            if node.is_none() && label != "opaque" {
                return Err(InvalidIndex(label));
            }
            for text in paths {
                let path = PathKey::from(unescape(&text).ok_or(InvalidIndex(text))?.as_path());
                match node {
                    Some(node) => drop(index.nodes.insert(path, node)),
                    None => drop(index.opaque.insert(path)),
                }
            }
        }
        Ok(index)
    }
}

fn label(node: Node) -> String {
    let attributes = |kind, Permissions { uid, gid, mode }| format!("{kind} {uid}:{gid} {mode:o}");
    match node {
        Node::Directory(permissions) => attributes("directory", permissions),
        Node::File(permissions) => attributes("file", permissions),
        Node::Implicit => "implicit".to_owned(),
        Node::Whiteout => "whiteout".to_owned(),
    }
}

fn parse_label(label: &str) -> Option<Node> {
    let (kind, attributes) = match label {
        "implicit" => return Some(Node::Implicit),
        "whiteout" => return Some(Node::Whiteout),
        label => label.split_once(' ')?,
    };
    let (owner, mode) = attributes.split_once(' ')?;
    let (uid, gid) = owner.split_once(':')?;
    let mode = u32::from_str_radix(mode, 8).ok()?;
    let permissions = Permissions { uid: uid.parse().ok()?, gid: gid.parse().ok()?, mode };
    match kind {
        "directory" => Some(Node::Directory(permissions)),
        "file" => Some(Node::File(permissions)),
        _ => None,
    }
}

fn escape(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('%', "%25"));
        text.extend(chunk.invalid().iter().map(|byte| format!("%{byte:02X}")));
    }
    text
}

/// The path; none where it is absolute or leads upwards, so that a damaged index cannot name what is outside.
fn unescape(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    let path = PathBuf::from(OsString::from_vec(bytes));
    path.components().all(|part| matches!(part, std::path::Component::Normal(_))).then_some(path)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn an_index_comes_back_from_json() {
        let mut index = OwnershipIndex::default();
        let permissions = Permissions { uid: 1000, gid: 1000, mode: 0o1777 };
        for (path, node) in [
            (&b""[..], Node::Implicit),
            (b"home/cnb", Node::Directory(permissions)),
            (b"home/cnb/a%b\xff\xfe\xc3\xbc", Node::File(permissions)),
            (b"gone", Node::Whiteout),
        ] {
            index.insert(Path::new(OsStr::from_bytes(path)), node);
        }
        index.set_opaque(Path::new("home/cnb"));
        let text = serde_json::to_string(&index).unwrap();
        assert_eq!(
            text,
            r#"{"directory 1000:1000 1777":["home/cnb"],"file 1000:1000 1777":["home/cnb/a%25b%FF%FEü"],"implicit":[""],"opaque":["home/cnb"],"whiteout":["gone"]}"#
        );
        assert_eq!(serde_json::from_str::<OwnershipIndex>(&text).unwrap(), index);
    }

    #[test]
    fn a_damaged_index_is_refused() {
        for text in [
            r#"{"what":[]}"#,
            r#"{"file 1 644":[]}"#,
            r#"{"file 1:2 9":[]}"#,
            r#"{"socket 1:2 644":[]}"#,
            r#"{"implicit":["/etc"]}"#,
            r#"{"implicit":["../etc"]}"#,
            r#"{"implicit":["a%2"]}"#,
            r#"{"opaque":["a%é"]}"#,
        ] {
            assert!(serde_json::from_str::<OwnershipIndex>(text).is_err(), "{text}");
        }
    }
}
