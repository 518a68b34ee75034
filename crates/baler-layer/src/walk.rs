//! The order of a layer's entries, and adding one entry from disk.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::closed::{Opened, open_file};
use crate::tar::{Attributes, SpecialFile, TarError, TarWriter};

/// Calls `visit` with the path relative to `root` of every entry, the root (empty path) first, depth first, names in
/// byte order. Links are not followed.
pub(crate) fn walk(
    root: &Path,
    visit: &mut dyn FnMut(&Path, &Metadata) -> Result<(), TarError>,
) -> Result<(), TarError> {
    let metadata = stat(root)?;
    if !metadata.is_dir() {
        return Err(TarError::NotADirectory { path: root.to_owned() });
    }
    visit(Path::new(""), &metadata)?;
    let _opened = Opened::directory(root, &metadata);
    walk_below(root, &mut PathBuf::new(), visit)
}

fn walk_below(
    directory: &Path,
    relative: &mut PathBuf,
    visit: &mut dyn FnMut(&Path, &Metadata) -> Result<(), TarError>,
) -> Result<(), TarError> {
    for name in sorted_names(directory)? {
        let path = directory.join(&name);
        let metadata = stat(&path)?;
        relative.push(&name);
        visit(relative, &metadata)?;
        if metadata.is_dir() {
            let _opened = Opened::directory(&path, &metadata);
            walk_below(&path, relative, visit)?;
        }
        relative.pop();
    }
    Ok(())
}

fn sorted_names(directory: &Path) -> Result<Vec<OsString>, TarError> {
    let failed = |source| TarError::ReadDirectory { path: directory.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name());
    }
    names.sort_unstable();
    Ok(names)
}

pub(crate) fn stat(path: &Path) -> Result<Metadata, TarError> {
    std::fs::symlink_metadata(path).map_err(|source| TarError::Stat { path: path.to_owned(), source })
}

/// Adds what is at `path` on disk as the entry `name`. Sockets are left out: tar has no kind for them.
pub(crate) fn add_from_disk<W: Write>(
    tar: &mut TarWriter<W>,
    path: &Path,
    metadata: &Metadata,
    name: &Path,
    attributes: &Attributes,
) -> Result<(), TarError> {
    let kind = metadata.file_type();
    let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
    if kind.is_dir() {
        tar.directory(name, attributes)
    } else if kind.is_file() {
        add_file(tar, path, name, attributes)
    } else if kind.is_symlink() {
        let target = std::fs::read_link(path).map_err(|source| TarError::ReadLink { path: path.to_owned(), source })?;
        tar.symlink(name, &target, attributes)
    } else if kind.is_fifo() {
        tar.special(name, SpecialFile::Fifo, attributes)
    } else if kind.is_char_device() {
        tar.special(name, SpecialFile::CharacterDevice { major, minor }, attributes)
    } else if kind.is_block_device() {
        tar.special(name, SpecialFile::BlockDevice { major, minor }, attributes)
    } else {
        Ok(())
    }
}

fn add_file<W: Write>(
    tar: &mut TarWriter<W>,
    path: &Path,
    name: &Path,
    attributes: &Attributes,
) -> Result<(), TarError> {
    let failed = |source| TarError::ReadFile { path: path.to_owned(), source };
    let file = open_file(path).map_err(|error| failed(error.into()))?;
    let size = file.metadata().map_err(failed)?.len();
    tar.file(name, attributes, size, file).map_err(|error| name_on_disk(error, path))
}

/// The writer knows the name in the image; people look for the one on disk.
fn name_on_disk(error: TarError, path: &Path) -> TarError {
    let path = path.to_owned();
    match error {
        TarError::ReadFile { source, .. } => TarError::ReadFile { path, source },
        TarError::Changed { expected, found, .. } => TarError::Changed { path, expected, found },
        error => error,
    }
}

/// `directory` with `relative` below it; no trailing slash where `relative` is empty.
pub(crate) fn below(directory: &Path, relative: &Path) -> PathBuf {
    if relative.as_os_str().is_empty() { directory.to_owned() } else { directory.join(relative) }
}
