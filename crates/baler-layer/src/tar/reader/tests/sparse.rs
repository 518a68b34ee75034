//! Maps of sparse files that nobody would write.

use super::*;

/// A file with PAX records and stored bytes.
fn with_records(records: &[(&str, &str)], stored: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (key, value) in records {
        pax::push_record(&mut encoded, &format!("GNU.sparse.{key}"), value.as_bytes());
    }
    let mut bytes = gnu_block(b'x', encoded.len(), b"x");
    bytes.extend_from_slice(&encoded);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes.extend(gnu_block(b'0', stored.len(), b"GNUSparseFile.1/a"));
    bytes.extend_from_slice(stored);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// Version 0.1.
fn mapped(size: &str, map: &str, stored: &[u8]) -> Vec<u8> {
    with_records(&[("name", "a"), ("size", size), ("map", map)], stored)
}

/// Version 1.0.
fn map_in_data(size: &str, map: &str, stored: &[u8]) -> Vec<u8> {
    let mut data = map.as_bytes().to_vec();
    data.resize(data.len().next_multiple_of(512), 0);
    data.extend_from_slice(stored);
    with_records(&[("major", "1"), ("minor", "0"), ("realsize", size)], &data)
}

/// The old form, with the pieces in the header.
fn old(size: u64, pieces: &[(u64, u64)], goes_on: bool, stored: &[u8]) -> Vec<u8> {
    let mut bytes = gnu_block(b'S', stored.len(), b"a");
    for (index, (offset, length)) in pieces.iter().enumerate() {
        let at = 386 + 24 * index;
        bytes[at..at + 24].copy_from_slice(format!("{offset:011o}\0{length:011o}\0").as_bytes());
    }
    bytes[482] = u8::from(goes_on);
    bytes[483..495].copy_from_slice(format!("{size:011o}\0").as_bytes());
    reseal(&mut bytes);
    bytes.extend_from_slice(stored);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

#[test]
fn every_form_gives_the_same_file() {
    let expected = b"\0\0one\0two\0\0".to_vec();
    let numbers = [("offset", "2"), ("numbytes", "3"), ("offset", "6"), ("numbytes", "3")];
    let first = [&[("size", "11"), ("numblocks", "2")], &numbers[..]].concat();
    for bytes in [
        old(11, &[(2, 3), (6, 3), (11, 0)], false, b"onetwo"),
        with_records(&first, b"onetwo"),
        mapped("11", "2,3,6,3,11,0", b"onetwo"),
        map_in_data("11", "3\n2\n3\n6\n3\n11\n0\n", b"onetwo"),
    ] {
        // What follows is found.
        let bytes = [bytes, gnu_block(b'0', 0, b"after")].concat();
        let entries = read_all(&bytes).unwrap();
        assert_eq!((entries[0].0.size, &entries[0].1), (11, &expected));
        assert_eq!((entries[0].0.kind, entries[1].0.path.as_slice()), (EntryKind::File, &b"after"[..]));
    }
    assert_eq!(read_all(&mapped("3", "", b"")).unwrap()[0].1, [0; 3]);
    assert_eq!(read_all(&mapped("0", "0,0,0,0", b"")).unwrap()[0].0.path, b"a");
}

#[test]
fn unsound_maps_are_refused() {
    let unsound = "unsound map of a sparse file";
    let sum = "sparse file with more or less data than its map says";
    let end = "end within the map of a sparse file";
    let most = u64::MAX.to_string();
    let too_many = format!("{}\n{}", 1 << 20, "0\n0\n".repeat(1 << 20));
    let cut_off = format!("300\n{}", "0\n".repeat(254));
    let half = with_records(&[("size", "9"), ("offset", "1"), ("offset", "1")], b"");
    let lonely = with_records(&[("size", "9"), ("numbytes", "1")], b"");
    let count = with_records(&[("size", "9"), ("numblocks", "2"), ("map", "0,1")], b"a");
    let other = with_records(&[("major", "2"), ("minor", "0"), ("size", "1")], b"");
    for (what, bytes, expected) in [
        ("overlapping", mapped("9", "0,4,3,4", b"abcdefgh"), unsound),
        ("unsorted", mapped("9", "5,2,0,2", b"abcd"), unsound),
        ("beyond the size", mapped("9", "8,2", b"ab"), unsound),
        ("overflowing", mapped(&most, &format!("2,{most}"), b""), unsound),
        ("half a piece", mapped("9", "0,1,2", b"a"), unsound),
        ("no number", mapped("9", "0,x", b""), unsound),
        ("nothing between", mapped("9", "0,,1", b""), unsound),
        ("negative", mapped("9", "-1,1", b"a"), unsound),
        ("no size", with_records(&[("map", "0,1")], b"a"), unsound),
        ("two offsets", half, unsound),
        ("no offset", lonely, unsound),
        ("another count", count, unsound),
        ("more data", mapped("9", "0,1", b"ab"), sum),
        ("less data", mapped("9", "0,3", b"ab"), sum),
        ("another version", other, "sparse file of an unknown version"),
        ("map cut off", map_in_data("9", &cut_off, b""), end),
        ("endless number", map_in_data("9", &"1".repeat(600), b""), unsound),
        ("empty number", map_in_data("9", "1\n\n1\n", b""), unsound),
        ("huge count", map_in_data("9", &too_many, b""), "sparse file of too many pieces"),
        ("old, overlapping", old(9, &[(0, 4), (3, 4)], false, b"abcdefgh"), unsound),
        ("old, no continuation", old(9, &[(0, 1)], true, b""), end),
    ] {
        match read_all(&bytes) {
            Err(ReadError::Malformed { reason, .. }) => assert_eq!(reason, expected, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn holes_count_as_bytes_do() {
    for size in [1 << 31, u64::MAX] {
        let refused = read_all(&mapped(&size.to_string(), "0,1", b"a"));
        assert!(matches!(refused, Err(ReadError::TooLong { .. })), "{size}: {refused:?}");
    }
    let bytes = [mapped("700000000", "", b""), mapped("700000000", "", b"")].concat();
    let mut reader = TarReader::new(&bytes[..], 1 << 30);
    assert!(reader.next_entry().is_ok());
    assert!(matches!(reader.next_entry(), Err(ReadError::TooLong { .. })), "also those of several files together");
}

#[test]
fn holes_are_passed_over_or_read_as_zeros() {
    let bytes = mapped("100000", "10,2,50000,1", b"abc");
    let mut reader = TarReader::new(&bytes[..], 1 << 20);
    assert_eq!(reader.next_entry().unwrap().unwrap().size, 100_000);
    assert!(reader.is_sparse());
    assert_eq!(reader.content().unwrap(), [0; 10]);
    reader.consume(4);
    assert_eq!(reader.skip_hole(), 6);
    assert_eq!(reader.skip_hole(), 0);
    assert_eq!(reader.content().unwrap(), b"ab");
    reader.consume(1);
    assert_eq!(reader.content().unwrap(), b"b");
    reader.consume(1);
    assert_eq!(reader.skip_hole(), 49_988);
    reader.consume(1);
    assert_eq!(reader.skip_hole(), 49_999);
    assert!(reader.content().unwrap().is_empty());
    assert!(reader.next_entry().unwrap().is_none());
}
