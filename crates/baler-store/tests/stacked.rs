//! Images of several random layers, unpacked and stacked, beside what umoci makes of the same images.
//!
//! The layers are merged here as overlayfs merges them. Owners are not compared: with one id they are only recorded.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic and print")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use baler_image::{Digest, Layer, Sink as _, media_type};
use baler_store::Layout;
use support::{manifest, name, put_bytes, single, store};
use tar::{Builder, EntryType, Header};

const ATTRIBUTE: &str = "user.note";

/// Numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        // Knuth's multiplier.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn is_one_of(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn name(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => b"latin-\xe9".to_vec(),
            1 => vec![b'n'; 160],
            2 => b"with space\n".to_vec(),
            index => vec![b'a' + u8::try_from(index).unwrap()],
        }
    }

    fn path(&mut self) -> PathBuf {
        let names: Vec<_> = (0..=self.below(4)).map(|_| self.name()).collect();
        OsStr::from_bytes(&names.join(&b'/')).into()
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len())].clone()) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Other,
}

/// What an image has so far, from which the next layer is made such that it makes sense.
#[derive(Default)]
struct Tree {
    found: BTreeMap<PathBuf, Kind>,
    /// Which of them the present layer has.
    own: BTreeSet<PathBuf>,
}

impl Tree {
    fn remove(&mut self, path: &Path) {
        self.found.retain(|other, _| !other.starts_with(path));
        self.own.retain(|other| !other.starts_with(path));
    }

    fn put(&mut self, path: &Path, kind: Kind) {
        if kind != Kind::Directory || self.found.get(path) != Some(&Kind::Directory) {
            self.remove(path);
        }
        self.found.insert(path.to_owned(), kind);
        self.own.insert(path.to_owned());
    }

    /// What only layers below have.
    fn lower(&self) -> Vec<PathBuf> {
        let is_lower = |path: &&PathBuf| !self.own.iter().any(|own| own.starts_with(path));
        self.found.keys().filter(is_lower).cloned().collect()
    }
}

/// One layer of an image.
struct LayerWriter<'a> {
    numbers: &'a mut Numbers,
    tree: &'a mut Tree,
    tar: Builder<Vec<u8>>,
}

impl LayerWriter<'_> {
    fn add(&mut self, path: &Path, kind: EntryType, content: &[u8], link: &Path) {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        let modes: &[u32] = if kind == EntryType::Directory { &[0o755, 0o700, 0o1777] } else { &[0o644, 0o600, 0o755] };
        header.set_mode(self.numbers.pick(modes).unwrap());
        header.set_mtime(1_000_000 + self.numbers.below(1_000_000) as u64);
        header.set_uid(0);
        header.set_gid(0);
        if kind == EntryType::Regular && self.numbers.is_one_of(3) {
            let key = format!("SCHILY.xattr.{ATTRIBUTE}");
            self.tar.append_pax_extensions([(key.as_str(), &b"some \0 bytes"[..])]).unwrap();
        }
        if link.as_os_str().is_empty() {
            self.tar.append_data(&mut header, path, content).unwrap();
        } else {
            self.tar.append_link(&mut header, path, link).unwrap();
        }
    }

    fn directory(&mut self, path: &Path) {
        self.add(path, EntryType::Directory, b"", Path::new(""));
        self.tree.put(path, Kind::Directory);
    }

    /// Has directories above `path`; those of lower layers need no entry.
    fn parents(&mut self, path: &Path) {
        let mut above: Vec<_> = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).collect();
        above.reverse();
        for above in above {
            let is_there = self.tree.found.get(above) == Some(&Kind::Directory);
            if !is_there || (!self.tree.own.contains(above) && self.numbers.is_one_of(3)) {
                self.directory(above);
            }
        }
    }

    fn something(&mut self) {
        let path = self.numbers.path();
        self.parents(&path);
        let own = |(path, kind): (&PathBuf, &Kind)| (*kind == Kind::File).then(|| path.clone());
        let files: Vec<_> =
            self.tree.found.iter().filter_map(own).filter(|path| self.tree.own.contains(path)).collect();
        let target = self.numbers.pick(&files).filter(|target| !target.starts_with(&path));
        match (self.numbers.below(8), target) {
            (0 | 1, _) => self.directory(&path),
            (2, _) => {
                let target = self.numbers.path();
                self.add(&path, EntryType::Symlink, b"", &target);
                self.tree.put(&path, Kind::Other);
            }
            (3, _) => {
                self.add(&path, EntryType::Fifo, b"", Path::new(""));
                self.tree.put(&path, Kind::Other);
            }
            (4 | 5, Some(target)) => {
                self.add(&path, EntryType::Link, b"", &target);
                self.tree.put(&path, Kind::File);
            }
            (kind, _) => {
                let content = vec![u8::try_from(kind).unwrap(); self.numbers.below(3000)];
                self.add(&path, EntryType::Regular, &content, Path::new(""));
                self.tree.put(&path, Kind::File);
            }
        }
    }

    fn whiteout(&mut self) {
        let Some(path) = self.numbers.pick(&self.tree.lower()) else { return };
        let name = [b".wh.", path.file_name().unwrap().as_bytes()].concat();
        self.add(&path.with_file_name(OsStr::from_bytes(&name)), EntryType::Regular, b"", Path::new(""));
        self.tree.remove(&path);
    }

    /// Hides what lower layers have in a directory.
    fn opaque(&mut self) {
        let directories = self.tree.found.iter().filter(|(_, kind)| **kind == Kind::Directory);
        let directories: Vec<_> = directories.map(|(path, _)| path.clone()).collect();
        let Some(path) = self.numbers.pick(&directories) else { return };
        if !self.tree.own.contains(&path) {
            self.parents(&path);
            self.directory(&path);
        }
        self.add(&path.join(".wh..wh..opq"), EntryType::Regular, b"", Path::new(""));
        for lower in self.tree.lower() {
            if lower != path && lower.starts_with(&path) {
                self.tree.remove(&lower);
            }
        }
    }
}

fn layer(numbers: &mut Numbers, tree: &mut Tree) -> Vec<u8> {
    tree.own.clear();
    let mut writer = LayerWriter { numbers, tree, tar: Builder::new(Vec::new()) };
    for _ in 0..14 {
        match writer.numbers.below(7) {
            0 => writer.whiteout(),
            1 if writer.numbers.is_one_of(3) => writer.opaque(),
            _ => writer.something(),
        }
    }
    writer.tar.into_inner().unwrap()
}

fn describe(path: &Path, metadata: &Metadata) -> String {
    let kind = metadata.file_type();
    let mode = metadata.mode() & 0o7777;
    if kind.is_dir() {
        return format!("directory {mode:o}");
    }
    if kind.is_symlink() {
        return format!("-> {} {}", fs_err::read_link(path).unwrap().display(), metadata.mtime());
    }
    if kind.is_fifo() {
        return format!("pipe {mode:o} {}", metadata.mtime());
    }
    assert!(kind.is_file(), "{}", path.display());
    let mut value = [0; 100];
    let length = rustix::fs::lgetxattr(path, ATTRIBUTE, &mut value[..]).unwrap_or(0);
    let content = Digest::of(&fs_err::read(path).unwrap());
    format!("{content} {mode:o} {} {:?}", metadata.mtime(), value[..length].escape_ascii().to_string())
}

fn is_opaque(directory: &Path) -> bool {
    let mut value = [0; 2];
    rustix::fs::lgetxattr(directory, "user.overlay.opaque", &mut value[..]).is_ok_and(|length| value[..length] == *b"y")
}

/// What there is, and for each file of several names one of them.
#[derive(Default)]
struct Merged {
    found: BTreeMap<PathBuf, String>,
    inodes: BTreeMap<PathBuf, (u64, u64)>,
}

impl Merged {
    fn remove(&mut self, path: &Path) {
        self.found.retain(|other, _| !other.starts_with(path));
        self.inodes.retain(|other, _| !other.starts_with(path));
    }

    /// Everything, with the links that are left: how many the inode has is another thing where a layer hides some.
    fn finish(self) -> BTreeMap<PathBuf, String> {
        let mut first = BTreeMap::new();
        for (path, inode) in self.inodes.iter().rev() {
            first.insert(*inode, path.clone());
        }
        let described = self.found.into_iter().map(|(path, text)| {
            let first = self.inodes.get(&path).and_then(|inode| first.get(inode));
            let text = first.map_or(text.clone(), |first| format!("{text} as {}", first.display()));
            (path, text)
        });
        described.collect()
    }
}

/// Puts a layer's directory on what is below it, as overlayfs does.
fn merge(root: &Path, directory: &Path, tree: &mut Merged) {
    for entry in fs_err::read_dir(root.join(directory)).unwrap() {
        let entry = entry.unwrap();
        let path = directory.join(entry.file_name());
        let metadata = entry.path().symlink_metadata().unwrap();
        let is_merged = metadata.is_dir()
            && !is_opaque(&entry.path())
            && tree.found.get(&path).is_some_and(|below| below.starts_with("directory"));
        if !is_merged {
            tree.remove(&path);
        }
        if metadata.file_type().is_char_device() {
            assert_eq!(metadata.rdev(), 0);
            continue;
        }
        tree.found.insert(path.clone(), describe(&entry.path(), &metadata));
        if metadata.is_dir() {
            merge(root, &path, tree);
        } else {
            tree.inodes.insert(path, (metadata.dev(), metadata.ino()));
        }
    }
}

#[test]
fn stacked_layers_are_what_umoci_unpacks() {
    if Command::new("umoci").arg("--version").output().is_err() {
        eprintln!("SKIP: needs umoci");
        return;
    }
    let mut entries = 0;
    for seed in 0..15 {
        let (directory, store) = store();
        let layout = Layout::create_or_open(&directory.path().join("layout")).unwrap();
        let (mut numbers, mut tree) = (Numbers(seed), Tree::default());
        let layers: Vec<Layer> = (0..5)
            .map(|_| {
                let tar = layer(&mut numbers, &mut tree);
                let descriptor = put_bytes(&layout, media_type::OCI_LAYER, &tar);
                Layer { diff_id: descriptor.digest.clone(), descriptor }
            })
            .collect();
        let (descriptor, bytes) = manifest(&layout, "amd64", &layers);
        layout.put_document(&name("app:it"), &descriptor, &bytes).unwrap();

        let image = format!("{}:it", directory.path().join("layout").display());
        let bundle = directory.path().join("bundle");
        let umoci =
            Command::new("umoci").args(["unpack", "--rootless", "--image", &image]).arg(&bundle).output().unwrap();
        assert!(umoci.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&umoci.stderr));
        let mut theirs = Merged::default();
        merge(&bundle.join("rootfs"), Path::new(""), &mut theirs);
        let theirs = theirs.finish();

        let unpacked = store.unpack(&layers, &layout, &single(), &|_| ()).unwrap();
        let mut ours = Merged::default();
        for lower in unpacked.lower.iter().rev() {
            merge(lower, Path::new(""), &mut ours);
        }
        let ours = ours.finish();
        let paths: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        let different = paths.into_iter().filter(|path| ours.get(*path) != theirs.get(*path));
        let different: Vec<_> = different.map(|path| (path, ours.get(path), theirs.get(path))).collect();
        assert!(different.is_empty(), "seed {seed}: ours, umoci's: {different:#?}");
        // So that what the layers are made by is not wrong about them.
        assert!(ours.keys().eq(tree.found.keys()), "seed {seed}");
        entries += ours.len();
    }
    assert!(entries > 200, "{entries}");
}
