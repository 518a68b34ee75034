//! Entries of any kind, written and read back.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::Bytes;
use crate::tar::{Attributes, EntryKind, Owner, SpecialFile, TarError, TarReader, TarWriter, Time};

/// What was written.
struct Written<'a> {
    kind: EntryKind,
    path: &'a [u8],
    link: &'a [u8],
    content: &'a [u8],
    attributes: Attributes,
}

/// Writes entries made of `bytes`, and reads them back.
pub fn write_tar(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let mut tar = TarWriter::new(Vec::new());
    let mut written = Vec::new();
    while !bytes.is_empty() && written.len() < 100 {
        let entry = entry(&mut bytes);
        match write(&mut tar, &entry) {
            Ok(()) => written.push(entry),
            Err(TarError::NulInName { .. }) => {
                assert!([entry.path, entry.link].concat().contains(&0), "only names with NUL bytes are refused");
                return;
            }
            Err(error) => panic!("an entry is refused: {error}"),
        }
    }
    let tar = tar.finish().expect("memory takes everything");
    let mut reader = TarReader::new(tar.as_slice(), 1 << 30);
    for expected in &written {
        let found = reader.next_entry().expect("what was written can be read").expect("no entry is lost");
        assert_eq!((&found.path[..], &found.link[..]), (expected.path, expected.link), "names");
        // A file with a slash at the end is the old way to write a directory.
        let is_old = expected.kind == EntryKind::File && expected.path.ends_with(b"/");
        assert_eq!(found.kind, if is_old { EntryKind::Directory } else { expected.kind }, "kind");
        let Attributes { mode, owner, mtime } = expected.attributes;
        assert_eq!((found.mode, found.uid, found.gid), (mode & 0o7777, owner.uid.into(), owner.gid.into()));
        assert_eq!(found.mtime, Time { seconds: mtime, nanoseconds: 0 }, "time");
        assert_eq!(found.size, expected.content.len() as u64, "size");
        let mut content = Vec::new();
        loop {
            let some = reader.content().expect("content can be read");
            let count = some.len();
            if count == 0 {
                break;
            }
            content.extend_from_slice(some);
            reader.consume(count);
        }
        assert!(content == expected.content, "content");
    }
    assert!(reader.next_entry().expect("the end can be read").is_none(), "no entry is made up");
}

fn entry<'a>(bytes: &mut Bytes<'a>) -> Written<'a> {
    let kind = match bytes.next() % 8 {
        0 => EntryKind::Directory,
        1 => EntryKind::Symlink,
        2 => EntryKind::HardLink,
        3 => EntryKind::Fifo,
        4 => EntryKind::CharacterDevice,
        5 => EntryKind::BlockDevice,
        _ => EntryKind::File,
    };
    let id = |bytes: &mut Bytes<'a>| u32::try_from(bytes.number() & u64::from(u32::MAX)).unwrap_or(0);
    let (mode, uid, gid) = (id(bytes), id(bytes), id(bytes));
    let mtime = bytes.number().cast_signed() >> (bytes.next() % 64);
    let length = |bytes: &mut Bytes<'a>, unit: usize| usize::from(bytes.next()) * unit;
    let count = length(bytes, 2);
    let path = bytes.take(count);
    let is_link = matches!(kind, EntryKind::Symlink | EntryKind::HardLink);
    let count = if is_link { length(bytes, 2) } else { 0 };
    let link = bytes.take(count);
    let count = if kind == EntryKind::File { length(bytes, 40) } else { 0 };
    let content = bytes.take(count);
    Written { kind, path, link, content, attributes: Attributes { mode, owner: Owner::new(uid, gid), mtime } }
}

fn write(tar: &mut TarWriter<Vec<u8>>, entry: &Written<'_>) -> Result<(), TarError> {
    fn path(bytes: &[u8]) -> &Path {
        Path::new(OsStr::from_bytes(bytes))
    }
    let (name, link, attributes) = (path(entry.path), path(entry.link), &entry.attributes);
    match entry.kind {
        EntryKind::Directory => tar.directory(name, attributes),
        EntryKind::Symlink => tar.symlink(name, link, attributes),
        EntryKind::HardLink => tar.hard_link(name, link, attributes),
        EntryKind::Fifo => tar.special(name, SpecialFile::Fifo, attributes),
        EntryKind::CharacterDevice => {
            tar.special(name, SpecialFile::CharacterDevice { major: 1, minor: 300 }, attributes)
        }
        EntryKind::BlockDevice => tar.special(name, SpecialFile::BlockDevice { major: 8, minor: 0 }, attributes),
        EntryKind::File | EntryKind::Other(_) => tar.file_of_bytes(name, attributes, entry.content),
    }
}
