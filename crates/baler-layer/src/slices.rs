//! An application divided into slices (spec: "Slice Layers"; reference: "Slices").
//!
//! Each slice takes what its patterns match and earlier slices left; directories above are repeated until all in them is
//! taken; the last layer has the rest. A matched directory takes everything below it; symbolic links to directories are
//! not followed. Entries are sorted by the whole path, which is another order than a walk has where `a-b` and `a/…` meet.
//! Patterns are those of [`crate::glob`], applied to each component; a malformed one is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::closed::Opened;
use crate::directory::DirectoryLayer;
use crate::glob::{BadPattern, matches};
use crate::tar::{TarError, TarWriter};
use crate::walk::{add_from_disk, below, stat, walk};

/// Patterns of one slice, relative to the application directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    pub paths: Vec<String>,
}

/// One of the layers that an application is divided into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceLayer {
    directory: DirectoryLayer,
    /// Relative to the root; the empty path is the root. Sorted by the path in the image.
    entries: Vec<PathBuf>,
}

/// Divides `directory`: one layer per slice and one with the rest, so `slices.len() + 1` of them; some may be empty.
///
/// Without slices the only layer has the same entries as the directory, in the order of slices: write the directory
/// itself where the order of a walk is wanted.
pub fn plan_slices(directory: &DirectoryLayer, slices: &[Slice]) -> Result<Vec<SliceLayer>, TarError> {
    let mut tree = Tree::read(directory)?;
    let mut layers = Vec::new();
    for slice in slices {
        let mut matched = BTreeSet::new();
        for pattern in &slice.paths {
            let pattern = clean_pattern(&directory.path_in_image, pattern)?;
            matched.extend(pattern.iter().flat_map(|components| tree.matching(components)));
        }
        layers.push(tree.take(matched));
    }
    layers.push(tree.take_rest());
    let layer = |entries| SliceLayer { directory: directory.clone(), entries: sorted(entries, directory) };
    Ok(layers.into_iter().map(layer).collect())
}

impl SliceLayer {
    /// Whether the layer has no entries; it is written all the same.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Paths relative to the application directory, in the order they are written.
    pub fn entries(&self) -> &[PathBuf] {
        &self.entries
    }

    /// Writes the whole layer as a tar, with its end mark. An empty layer has no ancestors either.
    pub fn write(&self, output: &mut dyn Write) -> Result<(), TarError> {
        let mut tar = TarWriter::new(output);
        if !self.entries.is_empty() {
            self.directory.write_ancestors(&mut tar)?;
        }
        for relative in &self.entries {
            let path = below(&self.directory.root, relative);
            let is_hidden = |error: &TarError| matches!(error, TarError::Stat { source, .. } if source.kind() == ErrorKind::PermissionDenied);
            let (metadata, _opened) = match stat(&path) {
                Err(error) if is_hidden(&error) => {
                    let opened = Opened::directories_above(&self.directory.root, relative);
                    (stat(&path)?, opened)
                }
                other => (other?, Vec::new()),
            };
            let attributes = self.directory.attributes(relative, &metadata);
            add_from_disk(&mut tar, &path, &metadata, &below(&self.directory.path_in_image, relative), &attributes)?;
        }
        tar.finish()?;
        Ok(())
    }
}

fn sorted(entries: BTreeSet<PathBuf>, directory: &DirectoryLayer) -> Vec<PathBuf> {
    // A BTreeSet of paths is in the order of components, not of bytes.
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by_cached_key(|relative| below(&directory.path_in_image, relative).into_os_string());
    entries
}

/// The components of a pattern relative to the application directory; nothing where it leads outside.
///
/// The specification allows an absolute pattern within the directory. Any other is joined to the directory, and the
/// result cleaned, as the reference does: `..` works, and a leading `/` means nothing.
fn clean_pattern(path_in_image: &Path, pattern: &str) -> Result<Option<Vec<String>>, TarError> {
    let depth = path_in_image.iter().skip(1).count();
    let is_below = Path::new(pattern).strip_prefix(path_in_image).is_ok();
    let mut components: Vec<&OsStr> = if is_below { Vec::new() } else { path_in_image.iter().skip(1).collect() };
    for component in Path::new(pattern).components() {
        match component {
            Component::ParentDir => drop(components.pop()),
            Component::Normal(name) => components.push(name),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    if !components.iter().take(depth).copied().eq(path_in_image.iter().skip(1)) {
        return Ok(None);
    }
    let components = components[depth..].iter().map(|name| name.to_string_lossy().into_owned());
    let components: Vec<String> = components.collect();
    for component in &components {
        matches(component.as_bytes(), b"")
            .map_err(|source: BadPattern| TarError::BadPattern { pattern: pattern.to_owned(), source })?;
    }
    Ok(Some(components))
}

/// All entries of the application, and which are taken by a layer.
struct Tree {
    is_taken: BTreeMap<PathBuf, bool>,
}

impl Tree {
    fn read(directory: &DirectoryLayer) -> Result<Self, TarError> {
        let mut is_taken = BTreeMap::new();
        walk(&directory.root, &mut |relative, _| {
            is_taken.insert(relative.to_owned(), false);
            Ok(())
        })?;
        Ok(Self { is_taken })
    }

    /// Entries whose path has as many components as the pattern, each matching.
    fn matching<'a>(&'a self, pattern: &'a [String]) -> impl Iterator<Item = PathBuf> + 'a {
        let is_match = move |path: &&PathBuf| {
            path.components().count() == pattern.len()
                && path.iter().zip(pattern).all(|(name, part)| {
                    matches(part.as_bytes(), name.as_bytes()).expect("the pattern was checked when it was cleaned")
                })
        };
        self.is_taken.keys().filter(is_match).cloned()
    }

    /// Takes the matched entries and all below them, unless an earlier layer has them, and adds the directories above.
    fn take(&mut self, matched: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        let mut taken = BTreeSet::new();
        for path in matched {
            // Paths below a directory follow it directly, since paths are ordered by component.
            for (path, is_taken) in
                self.is_taken.range_mut(path.clone()..).take_while(|entry| entry.0.starts_with(&path))
            {
                if !std::mem::replace(is_taken, true) {
                    taken.insert(path.clone());
                }
            }
        }
        let parents = taken.iter().flat_map(|path| path.ancestors().skip(1)).map(Path::to_owned);
        let parents: BTreeSet<PathBuf> = parents.filter(|parent| !taken.contains(parent)).collect();
        // Deepest first: a directory is done when all its children are.
        for parent in parents.iter().rev() {
            let is_done = self.children(parent).all(|(_, is_taken)| *is_taken);
            self.is_taken.insert(parent.clone(), is_done);
        }
        taken.extend(parents);
        taken
    }

    fn children<'a>(&'a self, directory: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a bool)> {
        let below = self.is_taken.range(directory.to_owned()..).take_while(move |entry| entry.0.starts_with(directory));
        below.filter(move |entry| entry.0.parent() == Some(directory))
    }

    fn take_rest(self) -> BTreeSet<PathBuf> {
        self.is_taken.into_iter().filter(|(_, is_taken)| !is_taken).map(|(path, _)| path).collect()
    }
}
