//! Paths as keys of ordered maps: compared as bytes, with the separator before all else.
//!
//! Maps of a base image have thousands of directories and are read at each start; comparing [`Path`]s, which looks for
//! the components each time, would be most of that. The order is the same: a directory stands right before all that is
//! below it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A relative path. No name can have a NUL, so it separates them here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PathKey(Box<[u8]>);

impl PathKey {
    /// Whether this is `other`, or lies below it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        match self.0.strip_prefix(&*other.0) {
            Some(rest) => rest.is_empty() || rest[0] == 0 || other.0.is_empty(),
            None => false,
        }
    }

    /// The path.
    pub(super) fn to_path(&self) -> PathBuf {
        let bytes = self.0.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }).collect();
        PathBuf::from(OsString::from_vec(bytes))
    }
}

impl From<&Path> for PathKey {
    fn from(path: &Path) -> Self {
        let bytes = path.as_os_str().as_bytes().iter();
        Self(bytes.map(|byte| if *byte == b'/' { 0 } else { *byte }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> PathKey {
        PathKey::from(Path::new(text))
    }

    #[test]
    fn the_order_is_that_of_paths() {
        let mut texts = ["", "a", "a/b", "a-b", "a/b/c", "a/b-c", "a!", "b"];
        texts.sort_by_key(|text| key(text));
        assert_eq!(texts, ["", "a", "a/b", "a/b/c", "a/b-c", "a!", "a-b", "b"]);
        assert!(texts.windows(2).all(|pair| Path::new(pair[0]) < Path::new(pair[1])));
        assert!(texts.iter().all(|text| key(text).to_path() == Path::new(text)));
    }

    #[test]
    fn what_is_within_what() {
        assert!(key("a/b").is_within(&key("a")) && key("a").is_within(&key("a")) && key("a").is_within(&key("")));
        assert!(!key("a-b").is_within(&key("a")) && !key("a").is_within(&key("a/b")));
    }
}
