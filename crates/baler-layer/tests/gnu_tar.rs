//! What the tar writer writes, as GNU tar reads it, and by the byte rules of the reference.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use baler_layer::tar::{Attributes, Owner, TarWriter};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Entry {
    path: PathBuf,
    kind: Kind,
    attributes: Attributes,
}

#[derive(Clone, Debug)]
enum Kind {
    Directory,
    File(Vec<u8>),
    Symlink(PathBuf),
}

fn paths() -> impl Strategy<Value = PathBuf> {
    let part = prop_oneof!["[a-z.-]{1,8}x", "[a-z]{90,120}", "[äß☺a]{1,40}", "[!-.0-9:-~]{1,12}"];
    let parts = prop::collection::vec(part.prop_filter("no dots", |part| part != "." && part != ".."), 1..6);
    parts.prop_map(|parts| PathBuf::from(format!("/{}", parts.join("/"))))
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let kind = prop_oneof![
        Just(Kind::Directory),
        prop::collection::vec(any::<u8>(), 0..1500).prop_map(Kind::File),
        paths().prop_map(Kind::Symlink),
    ];
    let ids = prop_oneof![0..3000_u32, 2_097_150..2_097_155_u32, Just(u32::MAX)];
    let entry = (paths(), kind, 0..0o10000_u32, ids.clone(), ids).prop_map(|(path, kind, mode, uid, gid)| Entry {
        path,
        kind,
        attributes: Attributes::new(mode, Owner::new(uid, gid)),
    });
    prop::collection::vec(entry, 0..6)
}

fn write(entries: &[Entry]) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    for Entry { path, kind, attributes } in entries {
        match kind {
            Kind::Directory => tar.directory(path, attributes),
            Kind::File(content) => tar.file_of_bytes(path, attributes, content),
            Kind::Symlink(target) => tar.symlink(path, target, attributes),
        }
        .unwrap();
    }
    tar.finish().unwrap()
}

/// `drwxr-sr-t`.
fn mode_text(kind: &Kind, mode: u32) -> String {
    let kind = match kind {
        Kind::Directory => 'd',
        Kind::File(_) => '-',
        Kind::Symlink(_) => 'l',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift & 7;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (bits & 1 == 1, mode & special != 0) {
            (true, true) => letter,
            (true, false) => 'x',
            (false, true) => letter.to_ascii_uppercase(),
            (false, false) => '-',
        });
    }
    text
}

/// How GNU tar lists an entry; spaces are one.
fn line(Entry { path, kind, attributes }: &Entry) -> String {
    let (size, link) = match kind {
        Kind::Directory => (0, String::new()),
        Kind::File(content) => (content.len(), String::new()),
        Kind::Symlink(target) => (0, format!(" -> {}", target.display())),
    };
    let Owner { uid, gid } = attributes.owner;
    let mode = mode_text(kind, attributes.mode);
    format!("{mode} {uid}/{gid} {size} 1980-01-01 00:00:01 {}{link}", path.display())
}

fn listed(bytes: &[u8]) -> Option<Vec<String>> {
    let mut command = Command::new("tar");
    command.args([
        "--list",
        "--verbose",
        "--absolute-names",
        "--numeric-owner",
        "--full-time",
        "--quoting-style=literal",
    ]);
    command.args(["--show-transformed-names", "--file", "-"]).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.ok()?;
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_owned();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    // It stops reading at the end mark.
    let _ = writer.join().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
}

fn octal(field: &[u8]) -> u64 {
    let text = std::str::from_utf8(field).unwrap().trim_end_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).unwrap()
}

/// The rules that headers have whatever is in them; returns how many entries there are, with those of PAX.
fn check_headers(bytes: &[u8]) -> usize {
    let mut blocks = bytes.chunks(512);
    let mut count = 0;
    while let Some(block) = blocks.next() {
        if block.iter().all(|byte| *byte == 0) {
            assert_eq!(
                blocks.map(<[u8]>::to_vec).collect::<Vec<_>>(),
                [vec![0; 512]],
                "two blocks end it, and nothing follows"
            );
            return count;
        }
        assert_eq!((&block[257..263], &block[263..265]), (&b"ustar\0"[..], &b"00"[..]));
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
            .sum();
        assert_eq!(octal(&block[148..154]), sum);
        assert_eq!(&block[154..156], b"\0 ");
        for field in [100..108, 108..116, 116..124, 124..136, 136..148] {
            assert_eq!(block[field.end - 1], 0, "numbers fill their fields but for a NUL");
        }
        assert!(block[265..329].iter().all(|byte| *byte == 0), "no names of users");
        if block[156] != b'x' {
            assert_eq!((&block[329..337], &block[337..345]), (&b"0000000\0"[..], &b"0000000\0"[..]));
            assert_eq!(octal(&block[136..148]), 315_532_801);
        }
        let size = usize::try_from(octal(&block[124..136])).unwrap();
        for _ in 0..size.div_ceil(512) {
            blocks.next().unwrap();
        }
        count += 1;
    }
    panic!("no end mark");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn gnu_tar_reads_what_was_meant(entries in entries()) {
        let bytes = write(&entries);
        prop_assert!(check_headers(&bytes) >= entries.len());
        let Some(listed) = listed(&bytes) else {
            println!("SKIP: needs tar");
            return Ok(());
        };
        prop_assert_eq!(listed, entries.iter().map(line).collect::<Vec<_>>());
    }
}

#[test]
fn an_empty_tar_is_two_blocks() {
    assert_eq!(write(&[]), [0; 1024]);
}
