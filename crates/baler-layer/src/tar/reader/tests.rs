mod sparse;

use std::path::Path;

use proptest::prelude::*;

use super::super::entry::Time;
use super::*;
use crate::tar::header::{Header, Kind};
use crate::tar::{Attributes, Owner, TarWriter};

fn read_all(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, ReadError> {
    let mut reader = TarReader::new(bytes, 1 << 30);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let mut content = Vec::new();
        loop {
            let bytes = reader.content()?;
            let count = bytes.len();
            if count == 0 {
                break;
            }
            content.extend_from_slice(bytes);
            reader.consume(count);
        }
        entries.push((entry, content));
    }
    assert_eq!(reader.finish()?, bytes.len() as u64);
    Ok(entries)
}

fn gnu_block(type_flag: u8, size: usize, name: &[u8]) -> Vec<u8> {
    let header = Header {
        kind: Kind::File,
        path: name,
        link: b"",
        mode: 0,
        uid: 0,
        gid: 0,
        size: size as u64,
        mtime: 0,
        device: (0, 0),
    };
    let mut block = header.encode();
    block[156] = type_flag;
    block[257..265].copy_from_slice(b"ustar  \0");
    reseal(&mut block);
    block
}

fn reseal(block: &mut [u8]) {
    let sum = crate::tar::header::block_sum(block.first_chunk().unwrap());
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn gnu_long_names_are_read() {
    let (name, link) = (format!("/{}", "n".repeat(300)), "l".repeat(200));
    let mut bytes = gnu_block(b'L', name.len() + 1, b"././@LongLink");
    bytes.extend_from_slice(name.as_bytes());
    bytes.resize(1024, 0);
    bytes.extend(gnu_block(b'K', link.len(), b"././@LongLink"));
    bytes.extend_from_slice(link.as_bytes());
    bytes.resize(2048, 0);
    bytes.extend(gnu_block(b'2', 0, b"/nnn"));
    bytes.extend(gnu_block(b'5', 0, b"/directory/"));
    let entries = read_all(&bytes).unwrap();
    assert_eq!(entries[0].0.path, name.as_bytes());
    assert_eq!(entries[0].0.link, link.as_bytes());
    assert_eq!((entries[1].0.kind, entries[1].0.path.as_slice()), (EntryKind::Directory, &b"/directory/"[..]));
}

#[test]
fn the_size_of_a_record_counts_and_only_for_the_next_entry() {
    let mut records = Vec::new();
    pax::push_record(&mut records, "size", b"3");
    pax::push_record(&mut records, "SCHILY.xattr.user.a", b"\0=\n");
    let mut bytes = gnu_block(b'x', records.len(), b"x");
    bytes.extend_from_slice(&records);
    bytes.resize(1024, 0);
    bytes.extend(gnu_block(b'0', 0, b"a"));
    bytes.extend_from_slice(b"abc");
    bytes.resize(2048, 0);
    bytes.extend(gnu_block(b'0', 0, b"b"));
    let entries = read_all(&bytes).unwrap();
    assert_eq!((entries[0].0.size, entries[0].1.as_slice()), (3, &b"abc"[..]));
    assert_eq!(entries[0].0.attributes, [(b"user.a".to_vec(), b"\0=\n".to_vec())]);
    assert_eq!((entries[1].0.size, entries[1].0.attributes.len()), (0, 0));
}

#[test]
fn unsound_tars_are_refused() {
    let file = gnu_block(b'0', 0, b"a");
    let mut wrong_sum = file.clone();
    wrong_sum[0] ^= 1;
    let mut after_zero = vec![0; 512];
    after_zero.extend(&file);
    let mut huge = file.clone();
    huge[124..136].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    reseal(&mut huge);
    for (bytes, expected) in [
        (wrong_sum, "wrong checksum of a header"),
        (file[..511].to_vec(), "end within a header"),
        (after_zero, "something after a zero block"),
        (gnu_block(b'0', 5, b"a"), "end within a file"),
        (huge, "end within a file"),
        (gnu_block(b'x', 1 << 21, b"a"), "records or name of more than 1 MiB"),
        (gnu_block(b'x', 5, b"a"), "end within records"),
    ] {
        match read_all(&bytes) {
            Err(ReadError::Malformed { reason, .. }) => assert_eq!(reason, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn an_endless_tar_is_refused() {
    let mut bytes = gnu_block(b'0', 512, b"a");
    bytes.resize(2048, 1);
    let mut reader = TarReader::new(&bytes[..], 1500);
    assert!(matches!(reader.next_entry().and_then(|_| reader.next_entry()), Err(ReadError::TooLong { maximum: 1500 })));
}

#[test]
fn end_marks_are_optional() {
    for bytes in [vec![], vec![0; 512], vec![0; 1024], vec![0; 10240]] {
        assert!(read_all(&bytes).unwrap().is_empty());
    }
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    let ascii = "(/[a-z.]{1,120}){1,4}".prop_map(String::into_bytes);
    let bytes = prop::collection::vec(1u8.., 1..150).prop_map(|mut name| {
        if name.last() == Some(&b'/') {
            name.push(b'x');
        }
        name
    });
    prop_oneof![ascii, bytes]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        path in names(),
        link in names(),
        mode in 0u32..0o10000,
        ids in any::<(u32, u32)>(),
        mtime in any::<i32>(),
        content in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let attributes = Attributes { mode, owner: Owner::new(ids.0, ids.1), mtime: mtime.into() };
        let name = Path::new(OsStr::from_bytes(&path));
        let mut tar = TarWriter::new(Vec::new());
        tar.file_of_bytes(name, &attributes, &content).unwrap();
        tar.symlink(name, Path::new(OsStr::from_bytes(&link)), &attributes).unwrap();
        let entries = read_all(&tar.finish().unwrap()).unwrap();
        for (entry, _) in &entries {
            prop_assert_eq!(&entry.path, &path);
            prop_assert_eq!((entry.mode, entry.uid, entry.gid), (mode, u64::from(ids.0), u64::from(ids.1)));
            prop_assert_eq!(entry.mtime, Time { seconds: mtime.into(), nanoseconds: 0 });
        }
        prop_assert_eq!(&entries[0].1, &content);
        prop_assert_eq!(&entries[1].0.link, &link);
    }

    #[test]
    fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let _ = read_all(&bytes);
    }
}
