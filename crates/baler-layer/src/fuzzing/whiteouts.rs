//! Layers with whiteouts, stacked, beside a model that knows paths only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::Bytes;
use crate::apply::{ApplyOptions, Owners, apply};
use crate::tar::{Attributes, Owner, TarWriter};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Whiteout,
    Opaque,
}

/// What there is: a directory, or a file of the layer with this number.
type Tree = BTreeMap<PathBuf, Option<usize>>;

/// Applies layers made of `bytes` to directories in the empty directory `scratch`, stacks them as overlayfs does, and
/// compares with the model.
pub fn stack_layers(bytes: &[u8], scratch: &Path) {
    let mut bytes = Bytes(bytes);
    let (mut expected, mut found) = (Tree::new(), Tree::new());
    for number in 0..4 {
        let entries: Vec<_> = (0..bytes.next() % 8).map(|_| entry(&mut bytes)).collect();
        let root = scratch.join(number.to_string());
        fs_err::create_dir(&root).expect("the scratch directory is empty");
        let options = ApplyOptions::new(Owners::Record);
        // What cannot be, such as a file in a file, is refused as it should be.
        let Ok(_) = apply(tar(&entries, number).as_slice(), &root, &options) else { return };
        expected = Model::of(&entries).on(&expected, number);
        overlay(&root, Path::new(""), &mut found);
        assert_eq!(found, expected, "layer {number}: {entries:?}");
    }
}

fn entry(bytes: &mut Bytes<'_>) -> (Kind, PathBuf) {
    let byte = bytes.next();
    let kind = match byte % 4 {
        0 => Kind::Directory,
        1 => Kind::File,
        2 => Kind::Whiteout,
        _ => Kind::Opaque,
    };
    let names = bytes.next();
    let path = (0..=(byte >> 2) % 3).map(|level| ["a", "b", "c"][usize::from(names >> (2 * level) & 3) % 3]);
    (kind, path.collect())
}

fn tar(entries: &[(Kind, PathBuf)], number: usize) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    let attributes = Attributes::new(0o755, Owner::ROOT);
    for (kind, path) in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let written = match kind {
            Kind::Directory => tar.directory(path, &attributes),
            Kind::File => tar.file_of_bytes(path, &attributes, number.to_string().as_bytes()),
            Kind::Whiteout => tar.file_of_bytes(&path.with_file_name(format!(".wh.{name}")), &attributes, b""),
            Kind::Opaque => tar.file_of_bytes(&path.join(".wh..wh..opq"), &attributes, b""),
        };
        written.expect("such names can be written");
    }
    tar.finish().expect("memory takes everything")
}

/// What a layer has, and what it hides of lower ones.
#[derive(Default)]
struct Model {
    own: BTreeMap<PathBuf, Kind>,
    /// Hidden with all below.
    hidden: BTreeSet<PathBuf>,
    /// All below is hidden.
    opaque: BTreeSet<PathBuf>,
    /// Directories that are only named.
    named: BTreeSet<PathBuf>,
}

impl Model {
    fn of(entries: &[(Kind, PathBuf)]) -> Self {
        let mut model = Self::default();
        for (kind, path) in entries {
            let above = path.ancestors().skip(usize::from(*kind != Kind::Opaque));
            model.named.extend(above.filter(|above| !above.as_os_str().is_empty()).map(Path::to_owned));
            match kind {
                Kind::Directory => {
                    if model.own.insert(path.clone(), Kind::Directory) == Some(Kind::File) {
                        model.hidden.insert(path.clone());
                    }
                }
                Kind::File => {
                    for set in [&mut model.hidden, &mut model.opaque, &mut model.named] {
                        set.retain(|other| !other.starts_with(path));
                    }
                    model.own.retain(|other, _| !other.starts_with(path));
                    model.own.insert(path.clone(), Kind::File);
                }
                Kind::Whiteout => _ = model.hidden.insert(path.clone()),
                Kind::Opaque => _ = model.opaque.insert(path.clone()),
            }
        }
        model
    }

    /// Whether the lower layers' part of `path` is hidden.
    fn hides(&self, path: &Path) -> bool {
        path.ancestors().any(|above| self.hidden.contains(above))
            || path.ancestors().skip(1).any(|above| self.opaque.contains(above))
    }

    /// The layer on what is below it.
    fn on(&self, lower: &Tree, number: usize) -> Tree {
        let visible = lower.iter().filter(|(path, _)| !self.hides(path));
        let mut tree: Tree = visible.map(|(path, file)| (path.clone(), *file)).collect();
        let mut put = |path: &Path, file: Option<usize>| {
            if file.is_some() || tree.get(path).is_some_and(Option::is_some) {
                tree.retain(|other, _| !other.starts_with(path));
            }
            tree.insert(path.to_owned(), file);
        };
        for path in self.named.iter().filter(|path| !self.hides(path)) {
            put(path, None);
        }
        for (path, kind) in &self.own {
            for above in path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
                put(above, None);
            }
            put(path, (*kind == Kind::File).then_some(number));
        }
        tree
    }
}

/// Puts a layer's directory on what is below it.
fn overlay(root: &Path, directory: &Path, found: &mut Tree) {
    let entries = fs_err::read_dir(root.join(directory)).expect("a layer's directory can be read");
    for entry in entries.map(|entry| entry.expect("a layer's directory can be read")) {
        let path = directory.join(entry.file_name());
        let metadata = entry.metadata().expect("a layer's entry can be looked at");
        if !metadata.is_dir() || is_opaque(&entry.path()) || found.get(&path).is_some_and(Option::is_some) {
            found.retain(|other, _| !other.starts_with(&path));
        }
        if !is_whiteout(&metadata) {
            found.insert(path.clone(), metadata.is_file().then(|| number_in(&entry.path())));
        }
        if metadata.is_dir() {
            overlay(root, &path, found);
        }
    }
}

fn is_whiteout(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device()
}

fn is_opaque(directory: &Path) -> bool {
    let mut value = [0; 2];
    let length = rustix::fs::lgetxattr(directory, "user.overlay.opaque", &mut value[..]);
    length.is_ok_and(|length| value[..length] == *b"y")
}

fn number_in(file: &Path) -> usize {
    let text = fs_err::read_to_string(file).expect("a layer's file can be read");
    text.parse().expect("a file has the number of its layer")
}
