//! A kept tree, whatever was done to it and to the application, is made what a fresh copy is.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use baler_layer::stat_manifest::{Comparison, StatManifest};
use baler_lifecycle::mounted::Owner;
use proptest::prelude::*;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::kept::{clock, has_passed};
use super::mirror::{Mirror, Mirrored, Recording};
use super::record::Record;
use super::state::Time;
use super::verify::is_as_recorded;
use super::{Copied, Selection, WorkspaceError, copy};
use crate::project::{FileFilter, Patterns};

/// Something that is done to a tree. What cannot be done is left.
#[derive(Clone, Debug)]
enum Change {
    Write(PathBuf, u8),
    /// With the size and the time that it had.
    WriteUnseen(PathBuf, u8),
    Append(PathBuf),
    Directory(PathBuf),
    Link(PathBuf, u8),
    HardLink(PathBuf, PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    Mode(PathBuf, u32),
    Time(PathBuf, i64),
}

const OWNER: Owner = Owner { uid: 7, gid: 7 };
const MODES: [u32; 7] = [0o644, 0o755, 0o555, 0o500, 0o700, 0o4755, 0o600];

fn path() -> impl Strategy<Value = PathBuf> {
    let name = prop_oneof![Just("a"), Just("b"), Just("a-b"), Just("skip")];
    prop::collection::vec(name, 1..4).prop_map(|names| names.iter().collect())
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (path(), any::<u8>()).prop_map(|(path, byte)| Change::Write(path, byte)),
        2 => (path(), any::<u8>()).prop_map(|(path, byte)| Change::WriteUnseen(path, byte)),
        1 => path().prop_map(Change::Append),
        3 => path().prop_map(Change::Directory),
        2 => (path(), 0..3_u8).prop_map(|(path, byte)| Change::Link(path, byte)),
        1 => (path(), path()).prop_map(|(from, to)| Change::HardLink(from, to)),
        2 => (path(), path()).prop_map(|(from, to)| Change::Rename(from, to)),
        2 => path().prop_map(Change::Remove),
        2 => (path(), prop::sample::select(MODES.as_slice())).prop_map(|(path, mode)| Change::Mode(path, mode)),
        1 => (path(), -5..2_000_000_000_i64).prop_map(|(path, time)| Change::Time(path, time)),
    ]
}

fn time(seconds: i64, nanoseconds: i64) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    Timestamps { last_access: time, last_modification: time }
}

impl Change {
    fn apply(&self, root: &Path) {
        match self {
            Self::Write(path, byte) => drop(fs_err::write(root.join(path), [*byte; 3])),
            Self::WriteUnseen(path, byte) => {
                let path = root.join(path);
                let Ok(before) = fs_err::symlink_metadata(&path) else { return };
                if before.is_file() && before.len() == 3 && fs_err::write(&path, [*byte; 3]).is_ok() {
                    let times = time(before.mtime(), before.mtime_nsec());
                    rustix::fs::utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
                }
            }
            Self::Append(path) => {
                let file = std::fs::OpenOptions::new().append(true).open(root.join(path));
                drop(file.map(|mut file| std::io::Write::write_all(&mut file, b"more")));
            }
            Self::Directory(path) => drop(fs_err::create_dir_all(root.join(path))),
            Self::Link(path, byte) => drop(symlink(byte.to_string(), root.join(path))),
            Self::HardLink(from, to) => drop(fs_err::hard_link(root.join(from), root.join(to))),
            Self::Rename(from, to) => drop(fs_err::rename(root.join(from), root.join(to))),
            Self::Remove(path) => drop(baler_sandbox::remove_tree(&root.join(path))),
            Self::Mode(path, mode) => {
                let path = root.join(path);
                let is_link = fs_err::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
                // A directory of the application has to be readable.
                let mode = if path.is_dir() { mode | 0o500 } else { mode | 0o400 };
                if !is_link {
                    drop(fs_err::set_permissions(path, PermissionsExt::from_mode(mode)));
                }
            }
            Self::Time(path, seconds) => {
                let times = time(*seconds, 5);
                let _ = rustix::fs::utimensat(CWD, root.join(path), &times, AtFlags::SYMLINK_NOFOLLOW);
            }
        }
    }
}

/// All that there is to see of a tree, the root's own time aside.
fn seen(root: &Path) -> Vec<String> {
    fn visit(root: &Path, path: &Path, seen: &mut Vec<String>) {
        let metadata = fs_err::symlink_metadata(path).unwrap();
        let content = if metadata.is_dir() {
            String::new()
        } else if metadata.is_symlink() {
            fs_err::read_link(path).unwrap().display().to_string()
        } else {
            format!("{:?} {}", fs_err::read(path).unwrap(), metadata.nlink())
        };
        let (relative, time) = (path.strip_prefix(root).unwrap(), (metadata.mtime(), metadata.mtime_nsec()));
        seen.push(format!("{} {:o} {time:?} {content}", relative.display(), metadata.mode()));
        if metadata.is_dir() {
            let mut entries: Vec<_> = fs_err::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            entries.sort_by(|one, other| one.as_os_str().as_bytes().cmp(other.as_os_str().as_bytes()));
            for entry in entries {
                visit(root, &entry, seen);
            }
        }
    }
    let mut all = Vec::new();
    visit(root, root, &mut all);
    all
}

/// What is known of a tree.
#[derive(Clone, Copy)]
struct Known<'a> {
    record: &'a Record,
    /// It is what the record says.
    untouched: bool,
}

struct Places {
    _work: tempfile::TempDir,
    root: PathBuf,
    source: PathBuf,
    tree: PathBuf,
    threads: NonZeroUsize,
}

impl Places {
    fn make() -> Self {
        let work = tempfile::tempdir().unwrap();
        let root = work.path().to_owned();
        let (source, tree) = (root.join("source"), root.join("tree"));
        fs_err::create_dir(&source).unwrap();
        fs_err::create_dir(&tree).unwrap();
        Self { _work: work, root, source, tree, threads: NonZeroUsize::new(3).unwrap() }
    }

    /// Mirrors into `target`; with `ahead`, as if it were that many seconds later.
    fn mirror(&self, target: &Path, filter: &FileFilter, known: Option<Known<'_>>, ahead: i64) -> Mirrored {
        let now = clock(&self.root).unwrap();
        let now = Time { seconds: now.seconds + ahead, ..now };
        let selection = Selection { filter, ..Selection::default() };
        let mirror = Mirror {
            source: &self.source,
            target,
            selection: &selection,
            owner: None,
            root_mode: Some(0o777),
            record: known.map(|known| known.record),
            untouched: known.is_some_and(|known| known.untouched),
            recording: Some(Recording { now, owner: OWNER }),
            threads: self.threads,
        };
        let mirrored = mirror.run().unwrap();
        assert!(has_passed(&self.root, mirrored.latest));
        mirrored
    }

    fn fresh(&self, filter: &FileFilter) -> (Vec<String>, Copied) {
        let target = self.root.join("fresh");
        fs_err::create_dir(&target).unwrap();
        let copied = self.mirror(&target, filter, None, 0).copied;
        let seen = seen(&target);
        baler_sandbox::remove_tree(&target).unwrap();
        (seen, copied)
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        for path in [&self.source, &self.tree] {
            drop(baler_sandbox::remove_tree(path));
        }
    }
}

/// One build: what happens to the application before it, and to the tree by it, and with which filter.
type Round = (Vec<Change>, Vec<Change>, u8);

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let changes = || prop::collection::vec(change(), 0..8);
    prop::collection::vec((changes(), changes(), 0..6_u8), 1..6)
}

fn filter(choice: u8) -> FileFilter {
    let patterns = |lines: &[&str]| Patterns::new(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
    match choice {
        0 => FileFilter::Exclude(patterns(&["skip"])),
        1 => FileFilter::Include(patterns(&["a"])),
        _ => FileFilter::All,
    }
}

fn check(rounds: &[Round], ahead: i64) {
    let places = Places::make();
    let (mut record, mut untouched): (Option<Vec<u8>>, _) = (None, false);
    for (of_source, of_tree, choice) in rounds {
        for change in of_source {
            change.apply(&places.source);
        }
        let filter = filter(*choice);
        let old = record.take();
        let known = old.clone().map(|bytes| Record::decode(OWNER, bytes).unwrap());
        let known = known.as_ref().map(|record| Known { record, untouched });
        let found = seen(&places.tree);
        let mirrored = places.mirror(&places.tree, &filter, known, ahead);
        assert!(mirrored.is_changed() || seen(&places.tree) == found, "a change is not told");
        let bytes = mirrored.record.or(old).unwrap();
        let (expected, copied) = places.fresh(&filter);
        assert_eq!(seen(&places.tree), expected);
        assert_eq!(mirrored.copied, copied);
        // Where nothing changes, nothing is done.
        let same = Record::decode(OWNER, bytes.clone()).unwrap();
        let before = StatManifest::take(&places.tree).unwrap();
        let mut bytes = bytes;
        for untouched in [false, true] {
            let again = places.mirror(&places.tree, &filter, Some(Known { record: &same, untouched }), ahead);
            assert_eq!(before.compare(&places.tree).unwrap(), Comparison::Unchanged);
            assert!(ahead == 0 || again.record.is_none(), "an unchanged tree was copied");
            assert!(!again.is_changed());
            assert!(is_as_recorded(&places.tree, &same, places.threads));
            bytes = again.record.unwrap_or(bytes);
        }
        record = Some(bytes.clone());
        let before = seen(&places.tree);
        for change in of_tree {
            change.apply(&places.tree);
        }
        let after = Record::decode(OWNER, bytes).unwrap();
        untouched = is_as_recorded(&places.tree, &after, places.threads);
        assert!(!untouched || seen(&places.tree) == before, "a change is not seen");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn is_what_a_fresh_copy_is(rounds in rounds()) {
        check(&rounds, 0);
    }

    /// As if each build came long after the changes before it.
    #[test]
    fn is_what_a_fresh_copy_is_where_times_are_relied_on(rounds in rounds()) {
        check(&rounds, 10);
    }
}

#[test]
fn a_change_in_the_same_moment_is_seen() {
    let places = Places::make();
    let file = places.source.join("file");
    for byte in 0..200_u8 {
        Change::Write("file".into(), byte).apply(&places.source);
        let record =
            Record::decode(OWNER, places.mirror(&places.tree, &FileFilter::All, None, 0).record.unwrap()).unwrap();
        Change::WriteUnseen("file".into(), byte.wrapping_add(1)).apply(&places.source);
        let known = Known { record: &record, untouched: byte % 2 == 0 };
        places.mirror(&places.tree, &FileFilter::All, Some(known), 0);
        assert_eq!(fs_err::read(places.tree.join("file")).unwrap(), fs_err::read(&file).unwrap());
    }
}

#[test]
fn attributes_that_a_copy_does_not_have_are_refused() {
    let places = Places::make();
    Change::Directory("a".into()).apply(&places.source);
    let record =
        Record::decode(OWNER, places.mirror(&places.tree, &FileFilter::All, None, 10).record.unwrap()).unwrap();
    if rustix::fs::setxattr(places.tree.join("a"), "user.mark", b"x", rustix::fs::XattrFlags::empty()).is_err() {
        eprintln!("SKIP: the file system of {} has no extended attributes", places.root.display());
        return;
    }
    let selection = Selection::default();
    let mirror = Mirror {
        source: &places.source,
        target: &places.tree,
        selection: &selection,
        owner: None,
        root_mode: None,
        record: Some(&record),
        untouched: false,
        recording: None,
        threads: NonZeroUsize::MIN,
    };
    assert!(mirror.run().is_err());
}

#[test]
fn keeps_modes_links_and_odd_names_and_leaves_sockets_out() {
    let work = tempfile::tempdir().unwrap();
    let (source, target) = (work.path().join("app"), work.path().join("workspace"));
    fs_err::create_dir_all(source.join("read-only")).unwrap();
    fs_err::create_dir(&target).unwrap();
    fs_err::write(source.join("read-only/file"), "x").unwrap();
    fs_err::set_permissions(source.join("read-only/file"), PermissionsExt::from_mode(0o555)).unwrap();
    fs_err::set_permissions(source.join("read-only"), PermissionsExt::from_mode(0o555)).unwrap();
    fs_err::os::unix::fs::symlink("nowhere", source.join("dangling")).unwrap();
    let odd = OsString::from_vec(b"caf\xe9".to_vec());
    fs_err::write(source.join(&odd), "latin").unwrap();
    let _socket = UnixListener::bind(source.join("socket")).unwrap();
    fs_err::create_dir(source.join("store")).unwrap();

    let copied = copy(&source, &target, &Selection { without: &source.join("store"), ..Selection::default() }).unwrap();

    assert_eq!(copied, Copied { files: 3, size: 6, left_out: vec!["socket".into()] });
    assert_eq!(fs_err::metadata(target.join("read-only")).unwrap().mode() & 0o7777, 0o555);
    assert_eq!(fs_err::metadata(target.join("read-only/file")).unwrap().mode() & 0o7777, 0o555);
    assert_eq!(fs_err::read_link(target.join("dangling")).unwrap(), Path::new("nowhere"));
    assert!(target.join(odd).exists());
    assert!(!target.join("store").exists());
    for path in [&source, &target] {
        fs_err::set_permissions(path.join("read-only"), PermissionsExt::from_mode(0o755)).unwrap();
    }
}

#[test]
fn says_what_is_wrong_with_the_path() {
    let work = tempfile::tempdir().unwrap();
    let absent = copy(&work.path().join("absent"), work.path(), &Selection::default()).unwrap_err();
    assert!(matches!(absent, WorkspaceError::Absent { .. }), "{absent}");
    fs_err::write(work.path().join("file"), "").unwrap();
    let file = copy(&work.path().join("file"), work.path(), &Selection::default()).unwrap_err();
    assert!(matches!(file, WorkspaceError::NotADirectory { .. }), "{file}");
}
