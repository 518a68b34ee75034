//! What a kept tree was copied from: the state of each entry in the application and in the tree.
//!
//! ```text
//! "BALRWSP1", user and group that own the tree
//! for each directory:  length of the path, number of entries, path, state of both directories
//! for each entry in it, by name:  length of the name, name, state in the application, state in the tree
//! ```
//!
//! Entries that are directories have their states with their own path.

use std::collections::HashMap;
use std::ops::Range;

use baler_lifecycle::mounted::Owner;

use super::state::{State, take};

/// Begins the file; the digit is the version of the format.
const MAGIC: &[u8; 8] = b"BALRWSP1";

/// The states of an entry in both places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) source: State,
    pub(super) tree: State,
}

impl Pair {
    fn push_to(&self, bytes: &mut Vec<u8>) {
        self.source.push_to(bytes);
        self.tree.push_to(bytes);
    }

    fn take_from(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { source: State::take_from(bytes)?, tree: State::take_from(bytes)? })
    }
}

/// The states of a whole tree.
pub(super) struct Record {
    bytes: Vec<u8>,
    directories: HashMap<Vec<u8>, (Pair, u32, Range<usize>)>,
}

/// One directory of a record.
pub(super) struct RecordedDirectory<'a> {
    pub(super) pair: Pair,
    /// By name.
    pub(super) entries: Vec<(&'a [u8], Pair)>,
    /// The same as it is written.
    pub(super) bytes: &'a [u8],
}

/// A directory with its entries, to be written. The path is relative to the root, which is the empty one.
pub(super) struct NewDirectory<'a> {
    pub(super) path: &'a [u8],
    pub(super) pair: Pair,
    pub(super) count: u32,
    /// As [`push_entry`] writes them, sorted by name.
    pub(super) entries: &'a [u8],
}

pub(super) fn push_entry(bytes: &mut Vec<u8>, name: &[u8], pair: &Pair) {
    push_name(bytes, name);
    pair.push_to(bytes);
}

fn push_name(bytes: &mut Vec<u8>, name: &[u8]) {
    bytes.extend_from_slice(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(name);
}

fn take_name<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(take(bytes)?);
    let (name, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(name)
}

impl Record {
    /// The file of these directories.
    pub(super) fn encode<'a>(owner: Owner, directories: impl Iterator<Item = NewDirectory<'a>>) -> Vec<u8> {
        let mut bytes = head(owner);
        for directory in directories {
            push_name(&mut bytes, directory.path);
            directory.pair.push_to(&mut bytes);
            bytes.extend_from_slice(&directory.count.to_le_bytes());
            bytes.extend_from_slice(directory.entries);
        }
        bytes
    }

    /// The record in `bytes`; `None` where it is of another version, damaged, or about a tree of another owner.
    pub(super) fn decode(owner: Owner, bytes: Vec<u8>) -> Option<Self> {
        let mut rest = bytes.strip_prefix(head(owner).as_slice())?;
        let mut directories = HashMap::new();
        while !rest.is_empty() {
            let path = take_name(&mut rest)?.to_vec();
            let pair = Pair::take_from(&mut rest)?;
            let count = u32::from_le_bytes(take(&mut rest)?);
            let start = bytes.len() - rest.len();
            for _ in 0..count {
                take_name(&mut rest)?;
                rest = rest.get(2 * State::LENGTH..)?;
            }
            directories.insert(path, (pair, count, start..bytes.len() - rest.len()));
        }
        Some(Self { bytes, directories })
    }

    /// The paths of all directories.
    pub(super) fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.directories.keys().map(Vec::as_slice)
    }

    /// How many directories there are.
    pub(super) fn len(&self) -> usize {
        self.directories.len()
    }

    /// The states of a directory.
    pub(super) fn pair(&self, path: &[u8]) -> Option<Pair> {
        self.directories.get(path).map(|(pair, ..)| *pair)
    }

    /// A directory and what is in it.
    pub(super) fn directory(&self, path: &[u8]) -> Option<RecordedDirectory<'_>> {
        let (pair, count, range) = self.directories.get(path)?;
        let bytes = self.bytes.get(range.clone())?;
        let mut rest = bytes;
        let mut entries = Vec::with_capacity(usize::try_from(*count).ok()?);
        for _ in 0..*count {
            entries.push((take_name(&mut rest)?, Pair::take_from(&mut rest)?));
        }
        Some(RecordedDirectory { pair: *pair, entries, bytes })
    }
}

fn head(owner: Owner) -> Vec<u8> {
    [MAGIC.as_slice(), &owner.uid.to_le_bytes(), &owner.gid.to_le_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let owner = Owner::new(1, 2);
        let state = State { inode: 7, size: 3, ..State::default() };
        let pair = Pair { source: state, tree: State { mode: 0o644, ..state } };
        let mut entries = Vec::new();
        push_entry(&mut entries, b"file", &pair);
        push_entry(&mut entries, b"other", &Pair::default());
        let directory = NewDirectory { path: b"a/b", pair, count: 2, entries: &entries };
        let bytes = Record::encode(owner, [directory].into_iter());
        let record = Record::decode(owner, bytes.clone()).unwrap();
        let found = record.directory(b"a/b").unwrap();
        assert_eq!(found.pair, pair);
        assert_eq!(found.entries, [(b"file".as_slice(), pair), (b"other".as_slice(), Pair::default())]);
        assert!(record.directory(b"a").is_none());
        assert!(Record::decode(Owner::new(1, 3), bytes.clone()).is_none());
        for length in 0..bytes.len() {
            let cut = Record::decode(owner, bytes[..length].to_vec());
            assert!(cut.is_none_or(|record| record.directory(b"a/b").is_none()), "{length}");
        }
    }
}
