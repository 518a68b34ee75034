//! `.cnb` files: an OCI layout as a tar, with the headers that pack gives them.

use std::io;
use std::path::{Path, PathBuf};

use baler_image::Platform;
use baler_layer::tar::{Attributes, Owner, TarWriter};
use baler_store::NewFile;

use super::error::PackageCreateError;

/// Where the file for one of several platforms is: `NAME-OS-ARCHITECTURE.cnb`, as pack has it.
pub(super) fn path_for(path: &Path, platform: &Platform) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let parts = [Some(&*stem), Some(&platform.os), Some(&platform.architecture), platform.variant.as_deref()];
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join("-");
    path.with_file_name(match path.extension() {
        Some(extension) => format!("{name}.{}", extension.to_string_lossy()),
        None => name,
    })
}

/// Fails unless a file can be made there.
pub(super) fn check(path: &Path) -> Result<(), PackageCreateError> {
    NewFile::begin(path).map(drop).map_err(|source| PackageCreateError::Write { path: path.to_owned(), source })
}

/// Writes the layout `layout` as the file `path`, whole or not at all.
pub(super) fn write(layout: &Path, path: &Path) -> Result<(), PackageCreateError> {
    let failed = |source| PackageCreateError::Write { path: path.to_owned(), source };
    let mut tar = TarWriter::new(NewFile::begin(path).map_err(failed)?);
    add(&mut tar, layout, Path::new("/"), path)?;
    let written = tar.finish().map_err(|source| PackageCreateError::WriteTar { path: path.to_owned(), source })?;
    written.commit().map_err(failed)
}

/// The entries of a directory in the order of their names, all of mode 0755.
fn add<W: io::Write>(tar: &mut TarWriter<W>, from: &Path, to: &Path, path: &Path) -> Result<(), PackageCreateError> {
    let failed = |source| PackageCreateError::Write { path: path.to_owned(), source };
    let tar_failed = |source| PackageCreateError::WriteTar { path: path.to_owned(), source };
    let attributes = Attributes::new(0o755, Owner::ROOT);
    let entries = fs_err::read_dir(from).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()));
    let mut entries: Vec<PathBuf> = entries.collect::<Result<_, _>>().map_err(failed)?;
    entries.sort();
    for entry in entries {
        let name = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() {
            tar.directory(&name, &attributes).map_err(tar_failed)?;
            add(tar, &entry, &name, path)?;
        } else {
            let file = fs_err::File::open(&entry).map_err(failed)?;
            let size = file.metadata().map_err(failed)?.len();
            tar.file(&name, &attributes, size, file).map_err(tar_failed)?;
        }
    }
    Ok(())
}
