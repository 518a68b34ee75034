//! Layers applied as lower directories of an overlay.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, reason = "a test may panic and print")]

mod fixture;

use std::ffi::OsStr;
use std::io::Read;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use baler_image::Digest;
use baler_layer::apply::{Applied, ApplyError, ApplyOptions, Owners, apply};
use baler_layer::directory::DirectoryLayer;
use baler_layer::ownership::{StackedLayer, User, writable_paths};
use baler_layer::sink::compress;
use baler_layer::tar::{Attributes, Owner, SpecialFile, TarError, TarWriter};
use fixture::Fixture;

const PLAIN: Attributes = Attributes::new(0o644, Owner::ROOT);
const DIRECTORY: Attributes = Attributes::new(0o755, Owner::ROOT);

/// Entries in short: `name/` is a directory, `name -> target` a link, `name => target` a hard link, `name | fifo`,
/// `name | device`, and `name = content` a file.
fn tar(entries: &[&str]) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    for entry in entries {
        let pair = |separator| entry.split_once(separator).map(|(name, value)| (Path::new(name), value));
        if let Some((name, target)) = pair(" -> ") {
            tar.symlink(name, Path::new(target), &PLAIN).unwrap();
        } else if let Some((name, target)) = pair(" => ") {
            tar.hard_link(name, Path::new(target), &PLAIN).unwrap();
        } else if let Some((name, content)) = pair(" = ") {
            tar.file_of_bytes(name, &PLAIN, content.as_bytes()).unwrap();
        } else if let Some((name, kind)) = pair(" | ") {
            let device = SpecialFile::CharacterDevice { major: 1, minor: 3 };
            tar.special(name, if kind == "fifo" { SpecialFile::Fifo } else { device }, &PLAIN).unwrap();
        } else {
            tar.directory(Path::new(entry), &DIRECTORY).unwrap();
        }
    }
    tar.finish().unwrap()
}

fn try_apply(bytes: &[u8], options: &ApplyOptions) -> (Fixture, Result<Applied, ApplyError>) {
    let fixture = Fixture::new();
    let result = apply(bytes, fixture.path(), options);
    (fixture, result)
}

fn applied(entries: &[&str]) -> (Fixture, Applied) {
    let (fixture, result) = try_apply(&tar(entries), &ApplyOptions::new(Owners::Record));
    (fixture, result.unwrap())
}

fn refused(entries: &[&str]) -> ApplyError {
    try_apply(&tar(entries), &ApplyOptions::new(Owners::Record)).1.unwrap_err()
}

/// What lies below the root: `name/`, `name -> target`, `name = content`, `name whiteout`, `name | fifo`; `!` marks a
/// directory as opaque.
fn listing(fixture: &Fixture) -> Vec<String> {
    fn add(root: &Path, path: &Path, lines: &mut Vec<String>) {
        let mut entries: Vec<_> = fs_err::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            let kind = path.symlink_metadata().unwrap().file_type();
            if kind.is_dir() {
                lines.push(format!("{name}/{}", if is_opaque(&path) { "!" } else { "" }));
                add(root, &path, lines);
            } else if kind.is_symlink() {
                lines.push(format!("{name} -> {}", fs_err::read_link(&path).unwrap().display()));
            } else if kind.is_file() {
                lines.push(format!("{name} = {}", String::from_utf8_lossy(&fs_err::read(&path).unwrap())));
            } else if kind.is_char_device() {
                assert_eq!(path.symlink_metadata().unwrap().rdev(), 0);
                lines.push(format!("{name} whiteout"));
            } else {
                lines.push(format!("{name} | fifo"));
            }
        }
    }
    let mut lines = Vec::new();
    add(fixture.path(), fixture.path(), &mut lines);
    lines
}

fn is_opaque(path: &Path) -> bool {
    let mut value = [0; 1];
    rustix::fs::getxattr(path, "user.overlay.opaque", &mut value).is_ok() && value == *b"y"
}

/// Whether the place for temporary files takes what overlays need.
fn has_attributes() -> bool {
    let fixture = Fixture::new();
    let flags = rustix::fs::XattrFlags::empty();
    let has = rustix::fs::setxattr(fixture.path(), "user.overlay.opaque", b"y", flags).is_ok();
    if !has {
        eprintln!("SKIP: needs extended attributes for users in the temporary directory");
    }
    has
}

#[test]
fn entries_of_every_kind() {
    let entries = ["/", "/a/", "/a/f = text", "./b/g = ", "l -> /a/f", "h => /a/f", "p | fifo", "d | device"];
    let (fixture, applied) = applied(&entries);
    assert_eq!(listing(&fixture), ["a/", "a/f = text", "b/", "b/g = ", "h = text", "l -> /a/f", "p | fifo"]);
    assert_eq!(fixture.at("h").metadata().unwrap().ino(), fixture.at("a/f").metadata().unwrap().ino());
    assert_eq!((applied.entries, applied.skipped_devices), (8, 1));
    assert_eq!(applied.diff_id, Digest::of(&tar(&entries)));
    assert_eq!(applied.bytes, tar(&entries).len() as u64);
    let implicit: Vec<_> = applied.writable.implicit_directories().collect();
    assert_eq!(implicit, [Path::new("b")]);
}

#[test]
fn modes_and_times_are_applied_also_to_read_only_directories() {
    let mut tar = TarWriter::new(Vec::new());
    let attributes = |mode, mtime| Attributes { mode, owner: Owner::ROOT, mtime };
    tar.directory(Path::new("/fixed"), &attributes(0o555, 1000)).unwrap();
    tar.directory(Path::new("/fixed/inner"), &attributes(0o2500, -5)).unwrap();
    tar.file_of_bytes(Path::new("/fixed/inner/file"), &attributes(0o400, 1 << 33), b"x").unwrap();
    tar.directory(Path::new("/tmp"), &attributes(0o1777, 0)).unwrap();
    tar.file_of_bytes(Path::new("/su"), &attributes(0o6755, 0), b"").unwrap();
    let (fixture, result) = try_apply(&tar.finish().unwrap(), &ApplyOptions::new(Owners::Record));
    result.unwrap();
    let found = |name| {
        let metadata = fixture.at(name).symlink_metadata().unwrap();
        (metadata.mode() & 0o7777, metadata.mtime())
    };
    assert_eq!(found("fixed"), (0o555, 1000));
    assert_eq!(found("fixed/inner"), (0o2500, -5));
    assert_eq!(found("fixed/inner/file"), (0o400, 1 << 33));
    assert_eq!(found("tmp"), (0o1777, 0));
    // The file is the caller's, so it must not run as the caller for others.
    assert_eq!(found("su"), (0o755, 0));
}

#[test]
fn owners_are_kept_where_they_can_be() {
    if !rustix::process::getuid().is_root() {
        eprintln!("SKIP: needs root");
        return;
    }
    let mut tar = TarWriter::new(Vec::new());
    let attributes = Attributes::new(0o4755, Owner::new(1234, 5678));
    tar.directory(Path::new("/d"), &attributes).unwrap();
    tar.file_of_bytes(Path::new("/d/su"), &attributes, b"").unwrap();
    tar.symlink(Path::new("/d/link"), Path::new("nowhere"), &attributes).unwrap();
    tar.special(Path::new("/d/fifo"), SpecialFile::Fifo, &attributes).unwrap();
    let (fixture, result) = try_apply(&tar.finish().unwrap(), &ApplyOptions::new(Owners::Keep));
    result.unwrap();
    for name in ["d", "d/su", "d/link", "d/fifo"] {
        let metadata = fixture.at(name).symlink_metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (1234, 5678), "{name}");
    }
    assert_eq!(fixture.at("d/su").metadata().unwrap().mode() & 0o7777, 0o4755);
}

#[test]
fn whiteouts_become_those_of_overlays() {
    if !has_attributes() {
        return;
    }
    let cases: [(&[&str], &[&str]); 13] = [
        // Directories that only a whiteout names, and that another one takes away.
        (&["d/a/.wh.x = ", ".wh.d = "], &["d whiteout"]),
        (&[".wh.d = ", "d/a/.wh.x = "], &["d whiteout"]),
        (&["d/", "d/a/.wh.x = ", "d/.wh..wh..opq = "], &["d/!"]),
        (&["d/a/.wh.x = ", "d/f = x", ".wh.d = "], &["d/!", "d/f = x"]),
        (&["a/.wh.gone = "], &["a/", "a/gone whiteout"]),
        (&["a/", "a/.wh..wh..opq = ", "a/f = x"], &["a/!", "a/f = x"]),
        (&[".wh.d = ", "d/"], &["d/!"]),
        (&["d/", ".wh.d = "], &["d/!"]),
        (&[".wh.d = ", "d/f = x"], &["d/!", "d/f = x"]),
        (&["d/f = x", ".wh.d = "], &["d/!", "d/f = x"]),
        (&[".wh.f = ", "f = x"], &["f = x"]),
        (&["f = x", ".wh.f = "], &["f = x"]),
        (&[".wh..wh.plnk/", ".wh..wh.aufs = "], &[]),
    ];
    for (entries, expected) in cases {
        assert_eq!(listing(&applied(entries).0), expected, "{entries:?}");
    }
    for entries in [[".wh. = "], ["a/.wh... = "], ["a/.wh.. = "]] {
        assert!(matches!(refused(&entries), ApplyError::BadName { .. }), "{entries:?}");
    }
}

#[test]
fn later_entries_replace_earlier_ones() {
    let cases: [(&[&str], &[&str]); 9] = [
        (&["f = 1", "f = 2"], &["f = 2"]),
        (&["f = 1", "f/", "f/g = 2"], &["f/!", "f/g = 2"]),
        (&["d/a/b = 1", "d/c/", "d = 2"], &["d = 2"]),
        (&["d/a = 1", "d -> /e", "d/b = 2"], &["d -> /e", "e/", "e/b = 2"]),
        (&["l -> x", "l = 2"], &["l = 2"]),
        (&["l -> x", "l/"], &["l/!"]),
        (&["l -> x", "l -> y"], &["l -> y"]),
        (&["d/a = 1", "d/"], &["d/", "d/a = 1"]),
        (&["f = 1", "g => f", "g = 2"], &["f = 1", "g = 2"]),
    ];
    for (entries, expected) in cases {
        assert_eq!(listing(&applied(entries).0), expected, "{entries:?}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let mut tar = TarWriter::new(Vec::new());
    let executable = Attributes::new(0o4755, Owner::new(7, 8));
    for number in 0..300_usize {
        // Some are replaced, some linked to, before or after a thread has filled them; some are too large for threads.
        let name = format!("d{}/f{}", number % 3, number % 101);
        let content = vec![number.to_le_bytes()[0]; if number % 50 == 7 { 600_000 } else { number * 40 }];
        tar.file_of_bytes(Path::new(&name), if number % 2 == 0 { &PLAIN } else { &executable }, &content).unwrap();
        tar.hard_link(Path::new(&format!("links/{number}")), Path::new(&name), &PLAIN).unwrap();
    }
    let bytes = tar.finish().unwrap();
    let with = |threads| {
        let threads = NonZeroUsize::new(threads).unwrap();
        let (fixture, result) = try_apply(&bytes, &ApplyOptions { threads, ..ApplyOptions::new(Owners::Record) });
        let mode = |line: &String| {
            let metadata = fixture.at(line.split(" = ").next().unwrap()).metadata().unwrap();
            (metadata.mode(), metadata.nlink(), metadata.mtime())
        };
        let lines = listing(&fixture);
        // Directories without an entry of their own are as old as they are.
        let modes: Vec<_> = lines.iter().filter(|line| line.contains(" = ")).map(mode).collect();
        (lines, modes, result.unwrap())
    };
    let one = with(1);
    assert_eq!(one.2.entries, 600);
    for threads in [2, 5] {
        assert!(with(threads) == one, "{threads} threads");
    }
}

#[test]
fn links_on_the_way_stay_inside() {
    let cases: [(&[&str], &[&str]); 8] = [
        (&["usr/lib/", "lib -> usr/lib", "lib/x = 1"], &["lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/x = 1"]),
        (&["etc -> /", "etc/x = 1"], &["etc -> /", "x = 1"]),
        (&["up -> ../../../..", "up/x = 1"], &["up -> ../../../..", "x = 1"]),
        (&["a/b -> ../../../tmp", "a/b/x = 1"], &["a/", "a/b -> ../../../tmp", "tmp/", "tmp/x = 1"]),
        (&["tmp -> /tmp", "tmp/q/x = 1"], &[]),
        (&["a -> b", "b -> c", "a/x = 1"], &["a -> b", "b -> c", "c/", "c/x = 1"]),
        (&["a -> /b/./c", "a/x = 1"], &["a -> /b/./c", "b/", "b/c/", "b/c/x = 1"]),
        (&["d/f = 1", "l -> d", "h => l/f"], &["d/", "d/f = 1", "h = 1", "l -> d"]),
    ];
    for (entries, expected) in cases.into_iter().filter(|(_, expected)| !expected.is_empty()) {
        assert_eq!(listing(&applied(entries).0), expected, "{entries:?}");
    }
    assert!(matches!(refused(&["tmp -> /tmp", "tmp/q/x = 1"]), ApplyError::Entry { .. }));
    assert!(matches!(refused(&["a -> b", "b -> a", "a/x = 1"]), ApplyError::Entry { .. }));
    assert!(!Path::new("/tmp/q").exists());
}

#[test]
fn what_leads_outside_is_refused() {
    for name in ["../x = 1", "a/../../x = 1", "/.. = 1", "a/../b/"] {
        assert!(matches!(refused(&[name]), ApplyError::BadName { .. }), "{name}");
    }
    for link in ["h => /etc/passwd", "h => ../../etc/passwd", "h => h", "h => d", "h => /"] {
        let error = refused(&["d/", link]);
        assert!(matches!(error, ApplyError::BadHardLink { .. } | ApplyError::BadName { .. }), "{link}: {error}");
    }
    assert!(matches!(refused(&["l -> /etc", "h => l/passwd"]), ApplyError::BadHardLink { .. }));
    assert!(matches!(refused(&[". = file"]), ApplyError::BadName { .. }));
    assert!(matches!(refused(&["f = 1", "f/g = 2"]), ApplyError::Entry { .. }));
}

#[test]
fn limits_are_kept() {
    let bytes = tar(&["a = 1", "b = 2", "c = 3"]);
    let options = ApplyOptions { maximum_entries: 2, ..ApplyOptions::new(Owners::Record) };
    assert!(matches!(try_apply(&bytes, &options).1, Err(ApplyError::TooManyEntries { maximum: 2 })));
    let options = ApplyOptions { maximum_bytes: 2048, ..ApplyOptions::new(Owners::Record) };
    assert!(matches!(try_apply(&bytes, &options).1, Err(ApplyError::TooManyBytes { maximum: 2048 })));
}

#[test]
fn another_diff_id_is_refused() {
    let bytes = tar(&["a = 1"]);
    let expected_diff_id = Some(Digest::of(b"something else"));
    let options = ApplyOptions { expected_diff_id, ..ApplyOptions::new(Owners::Record) };
    assert!(matches!(try_apply(&bytes, &options).1, Err(ApplyError::OtherDiffId { .. })));
    let options = ApplyOptions { expected_diff_id: Some(Digest::of(&bytes)), ..options };
    assert!(try_apply(&bytes, &options).1.is_ok());
}

#[test]
fn compressed_layers_are_recognised() {
    let bytes = tar(&["a = 1", &format!("b = {}", "x".repeat(3_000_000))]);
    let mut blob = Vec::new();
    let compressed = compress::<TarError, _>(NonZeroUsize::MIN, &mut blob, |output| {
        output.write_all(&bytes).map_err(|source| TarError::Write { source })
    })
    .unwrap();
    let (fixture, result) = try_apply(&blob, &ApplyOptions::new(Owners::Record));
    assert_eq!(result.unwrap().diff_id, compressed.diff_id);
    assert_eq!(fixture.at("b").metadata().unwrap().len(), 3_000_000);

    let damaged = [&blob[..blob.len() / 2], b"damage"].concat();
    assert!(matches!(try_apply(&damaged, &ApplyOptions::new(Owners::Record)).1, Err(ApplyError::Read { .. })));
    assert!(matches!(try_apply(&[7; 700], &ApplyOptions::new(Owners::Record)).1, Err(ApplyError::Malformed { .. })));
    assert_eq!(try_apply(b"", &ApplyOptions::new(Owners::Record)).1.unwrap().entries, 0);
}

/// Gives one byte at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(&mut bytes[..1])
    }
}

#[test]
fn a_slow_reader_is_waited_for() {
    let bytes = tar(&["a = 1"]);
    let fixture = Fixture::new();
    let result = apply(Trickle(&bytes), fixture.path(), &ApplyOptions::new(Owners::Record)).unwrap();
    assert_eq!(result.diff_id, Digest::of(&bytes));
}

/// A PAX entry before a file, made by hand.
fn with_record(record: &str, entries: &[&str]) -> Vec<u8> {
    let length = (1..200).find(|length: &usize| length.to_string().len() + 2 + record.len() == *length).unwrap();
    let record = format!("{length} {record}\n");
    let mut bytes = tar(&[&format!("x = {record}")]);
    bytes.truncate(1024);
    bytes[156] = b'x';
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes[..512].iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes.extend(tar(entries));
    bytes
}

#[test]
fn attributes_for_users_are_set_and_those_of_overlays_are_not() {
    if !has_attributes() {
        return;
    }
    for (name, is_set) in
        [("user.note", true), ("user.overlay.opaque", false), ("trusted.x", false), ("security.capability", false)]
    {
        for (entry, path) in [("f = 1", "f"), ("d/", "d")] {
            let bytes = with_record(&format!("SCHILY.xattr.{name}=y"), &[entry]);
            let (fixture, result) = try_apply(&bytes, &ApplyOptions::new(Owners::Record));
            assert_eq!(result.unwrap().skipped_attributes, u64::from(!is_set), "{name}");
            let found = rustix::fs::getxattr(fixture.at(path), name, &mut [0; 8]).is_ok();
            assert_eq!(found, is_set, "{name} {path}");
        }
    }
}

#[test]
fn names_that_are_not_utf8_are_kept() {
    let name = Path::new(OsStr::from_bytes(b"caf\xe9/\xff"));
    let mut tar = TarWriter::new(Vec::new());
    tar.file_of_bytes(name, &PLAIN, b"1").unwrap();
    let (fixture, result) = try_apply(&tar.finish().unwrap(), &ApplyOptions::new(Owners::Record));
    result.unwrap();
    assert!(fixture.path().join(name).is_file());
}

#[test]
fn a_directory_comes_back_as_it_was() {
    let source = Fixture::new();
    source.file("bin/tool", b"#!", 0o755);
    source.file(&format!("deep/{}/{}", "d".repeat(90), "f".repeat(200)), b"long", 0o640);
    source.symlink("link", "bin/tool");
    source.directory("fixed/inner", 0o700);
    source.mode("fixed", 0o555);
    let layer = DirectoryLayer {
        root: source.path().to_owned(),
        path_in_image: "/layers/b/l".into(),
        mode: None,
        owner: Owner::new(1000, 1000),
        ancestors: DirectoryLayer::ancestors_of(Path::new("/layers/b/l"), 0o755, Owner::ROOT),
    };
    let mut bytes = Vec::new();
    layer.write(&mut bytes).unwrap();
    let (copy, result) = try_apply(&bytes, &ApplyOptions::new(Owners::Record));
    let index = result.unwrap().writable;
    let again = DirectoryLayer { root: copy.at("layers/b/l"), ..layer };
    let mut copied = Vec::new();
    again.write(&mut copied).unwrap();
    assert_eq!(bytes, copied);

    let stack = [StackedLayer { index: &index, root: copy.path() }];
    let found = writable_paths(&stack, &User { uid: 1000, gids: vec![1000] });
    assert_eq!(found.writable, [Path::new("/layers/b/l")]);
    assert!(found.read_only_below.is_empty());
}

/// What a program makes of these bytes; `None` after saying that it is not there.
fn piped(program: &str, arguments: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIP: needs {program}");
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(bytes).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{program}");
    Some(output.stdout)
}

#[test]
fn every_compression_gives_the_same() {
    let text = (0..400_000).map(|number: u32| number.to_string()).collect::<Vec<_>>().join(" ");
    let bytes = tar(&["a = 1", &format!("b = {text}"), "c/", "c/d -> e"]);
    let (first, second) = bytes.split_at(bytes.len() / 3);
    let mut own = Vec::new();
    compress::<std::io::Error, _>(NonZeroUsize::MIN, &mut own, |output| output.write_all(&bytes)).unwrap();
    let mut own_first = Vec::new();
    compress::<std::io::Error, _>(NonZeroUsize::MIN, &mut own_first, |output| output.write_all(first)).unwrap();
    let gzip = |bytes| piped("gzip", &["-c"], bytes);
    let zstd = |bytes| piped("zstd", &["-c", "-q"], bytes);
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"any"].concat();
    let cases = [
        ("plain", Some(bytes.clone())),
        ("our members", Some(own)),
        ("one member", gzip(&bytes)),
        ("two members", gzip(first).zip(gzip(second)).map(|(one, other)| [one, other].concat())),
        ("our members, then another", gzip(second).map(|other| [&own_first[..], &other].concat())),
        ("zstd", zstd(&bytes)),
        ("two frames", zstd(first).zip(zstd(second)).map(|(one, other)| [one, other].concat())),
        ("a frame to skip", zstd(&bytes).map(|frame| [&skippable[..], &frame, &skippable].concat())),
        ("long distance", piped("zstd", &["-c", "-q", "--long=24", "-19"], &bytes)),
    ];
    for (name, blob) in cases {
        let Some(blob) = blob else { continue };
        for threads in [1, 2, 5] {
            let threads = NonZeroUsize::new(threads).unwrap();
            let options = ApplyOptions { threads, ..ApplyOptions::new(Owners::Record) };
            let (fixture, result) = try_apply(&blob, &options);
            let applied = result.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(applied.diff_id, Digest::of(&bytes), "{name}");
            assert_eq!(fixture.at("b").metadata().unwrap().len(), text.len() as u64, "{name}");
        }
    }
}

#[test]
fn damaged_members_are_errors() {
    let bytes = tar(&[&format!("b = {}", "0123456789 ".repeat(500_000))]);
    let mut blob = Vec::new();
    compress::<std::io::Error, _>(NonZeroUsize::MIN, &mut blob, |output| output.write_all(&bytes)).unwrap();
    let expected_diff_id = Some(Digest::of(&bytes));
    let options = ApplyOptions { expected_diff_id, ..ApplyOptions::new(Owners::Record) };
    assert!(try_apply(&blob, &options).1.is_ok());
    for position in (0..blob.len()).step_by(blob.len() / 97) {
        let mut damaged = blob.clone();
        damaged[position] ^= 0x41;
        // A header may change where it means nothing; then the content is what it was.
        if let Ok(applied) = try_apply(&damaged, &options).1 {
            assert_eq!(applied.diff_id, Digest::of(&bytes), "{position}");
        }
        let cut = try_apply(&blob[..position], &options).1;
        assert!(cut.is_err(), "cut at {position}");
    }
    // A limit that is reached while other threads are still at work.
    let options = ApplyOptions { maximum_bytes: 100_000, ..options };
    assert!(matches!(try_apply(&blob, &options).1, Err(ApplyError::TooManyBytes { .. })));
}
