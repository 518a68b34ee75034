//! The same layers, extracted by GNU tar: every entry is the same, whichever format the archive has.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic and print")]

mod fixture;

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use baler_layer::apply::{ApplyOptions, Owners, apply};
use fixture::Fixture;

/// What one builds a tree of, with every kind of name and file that a layer may have.
const SOURCE: &str = "
set -eu
mkdir -p plain/deep 'with space' fixed; echo text >plain/file; echo other >plain/deep/other; : >plain/empty
ln plain/file plain/hard; ln plain/file fixed/hard-elsewhere; ln -s ../plain/file fixed/link; ln -s nowhere plain/dangling
mkfifo plain/pipe; printf 'caf\\351' >\"$(printf 'latin-\\351')\"; echo x >'with space/new
line'
long=$(printf 'n%.0s' $(seq 1 150)); mkdir -p \"$long/$long\"; echo long >\"$long/$long/$long\"; ln -s \"$long/$long/$long\" long-link
truncate -s 3000000 sparse; printf begin | dd of=sparse conv=notrunc status=none; printf end | dd of=sparse bs=1 seek=2000000 conv=notrunc status=none
chmod 4755 plain/deep/other; chmod 1777 'with space'; chmod 0555 fixed; touch -d @86400 plain/deep";

fn run(directory: &Path, program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// All entries: kind, mode, time, links, and content or target.
fn listing(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut queue = vec![root.to_owned()];
    while let Some(directory) = queue.pop() {
        for entry in fs_err::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let kind = metadata.file_type();
            let content = if kind.is_symlink() {
                format!("-> {}", fs_err::read_link(&path).unwrap().display())
            } else if kind.is_dir() {
                queue.push(path.clone());
                "directory".to_owned()
            } else if kind.is_fifo() {
                "pipe".to_owned()
            } else {
                let bytes = fs_err::read(&path).unwrap();
                format!("{} links, {}", metadata.nlink(), baler_image::Digest::of(&bytes))
            };
            let bits = if rustix::process::geteuid().is_root() || kind.is_dir() { 0o7777 } else { 0o1777 };
            let mode = if kind.is_symlink() { 0 } else { metadata.mode() & bits };
            let owner = (metadata.uid(), metadata.gid());
            let entry = format!("{content} {mode:o} {owner:?} {}", metadata.mtime());
            found.insert(path.strip_prefix(root).unwrap().to_owned(), entry);
        }
    }
    found
}

#[test]
fn gnu_tar_extracts_the_same() {
    let is_gnu =
        Command::new("tar").arg("--version").output().is_ok_and(|output| output.stdout.starts_with(b"tar (GNU"));
    if !is_gnu {
        eprintln!("SKIP: needs GNU tar");
        return;
    }
    // Without root all files are the caller's, and setuid bits are dropped.
    let owners = if rustix::process::geteuid().is_root() { Owners::Keep } else { Owners::Record };
    let source = Fixture::new();
    run(source.path(), "sh", &["-c", SOURCE]);
    for format in ["gnu", "pax"] {
        let work = Fixture::new();
        let archive = work.path().join("layer.tar");
        let (file, format_flag) = (archive.to_str().unwrap(), format!("--format={format}"));
        run(source.path(), "tar", &["--create", "--file", file, &format_flag, "--sort=name", "."]);
        let (theirs, ours) = (work.path().join("theirs"), work.path().join("ours"));
        for directory in [&theirs, &ours] {
            fs_err::create_dir(directory).unwrap();
        }
        run(&theirs, "tar", &["--extract", "--file", file, "--preserve-permissions"]);
        let bytes = fs_err::read(&archive).unwrap();
        apply(bytes.as_slice(), &ours, &ApplyOptions::new(owners)).unwrap();
        let (ours_listed, theirs_listed) = (listing(&ours), listing(&theirs));
        let paths = ours_listed.keys().chain(theirs_listed.keys());
        let different = paths.filter(|path| ours_listed.get(*path) != theirs_listed.get(*path));
        let different: Vec<_> = different.map(|path| (path, ours_listed.get(path), theirs_listed.get(path))).collect();
        assert!(different.is_empty() && ours_listed.len() > 15, "{format}: ours, theirs: {different:#?}");
        for directory in [&theirs, &ours] {
            open(&directory.join("fixed"));
        }
    }
    open(&source.path().join("fixed"));
}

/// So that it can be removed.
fn open(directory: &Path) {
    fs_err::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Files with holes at the beginning, in the middle, at the end, everywhere, and in more places than one header block has
/// room for.
const SPARSE: &str = "
set -eu
at() { printf \"$2\" | dd of=\"$1\" bs=1 seek=\"$3\" conv=notrunc status=none; }
truncate -s 3000000 end; at end begin 0; truncate -s 2000001 all
at begin text 1000000; at middle one 0; at middle two 700000
for number in $(seq 0 60); do at many \"piece $number\" $((number * 65536)); done
mkdir -p sub; : >sub/empty; echo dense >sub/dense; ln many sub/link
long=$(printf 'n%.0s' $(seq 1 150)); at \"$long\" text 500000";

/// Bytes that the files of a tree take on disk.
fn blocks(root: &Path) -> u64 {
    let mut sum = 0;
    for entry in fs_err::read_dir(root).unwrap() {
        let metadata = entry.unwrap().path().symlink_metadata().unwrap();
        sum += if metadata.is_file() { metadata.blocks() * 512 } else { 0 };
    }
    sum
}

#[test]
fn sparse_files_are_those_of_gnu_tar_in_every_form() {
    let source = Fixture::new();
    run(source.path(), "sh", &["-c", SPARSE]);
    let forms = ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"];
    for form in forms {
        let work = Fixture::new();
        let archive = work.path().join("layer.tar");
        let file = archive.to_str().unwrap();
        let format = if form.starts_with("--format") { form } else { "--format=posix" };
        let flags = ["--create", "--sparse", "--hole-detection=raw", "--sort=name", "--file", file, format];
        let form = Some(form).filter(|form| *form != format);
        run(source.path(), "tar", &[&flags[..], form.as_slice(), &["."]].concat());
        let (theirs, ours) = (work.path().join("theirs"), work.path().join("ours"));
        for directory in [&theirs, &ours] {
            fs_err::create_dir(directory).unwrap();
        }
        run(&theirs, "tar", &["--extract", "--file", file, "--preserve-permissions"]);
        let bytes = fs_err::read(&archive).unwrap();
        assert!(bytes.len() < 600_000, "{format} {form:?}: the archive is sparse: {}", bytes.len());
        let owners = if rustix::process::geteuid().is_root() { Owners::Keep } else { Owners::Record };
        apply(bytes.as_slice(), &ours, &ApplyOptions::new(owners)).unwrap();
        let (ours_listed, theirs_listed) = (listing(&ours), listing(&theirs));
        assert_eq!(ours_listed, theirs_listed, "{format} {form:?}");
        assert!(ours_listed.len() >= 9, "{ours_listed:#?}");
        // As far as the file system has any.
        let (ours, theirs) = (blocks(&ours), blocks(&theirs));
        assert!(ours <= theirs, "{format} {form:?}: {ours} bytes on disk, {theirs} with GNU tar");
    }
}
