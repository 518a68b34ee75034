//! `.cnb` files: an OCI layout as a tar, with the headers that pack gives them.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use baler_layer::tar::{Attributes, Owner, TarWriter};

use super::error::PackageCreateError;

/// Writes the layout `layout` as the file `path`, whole or not at all.
pub(super) fn write(layout: &Path, path: &Path) -> Result<(), PackageCreateError> {
    let failed = |source| PackageCreateError::Write { path: path.to_owned(), source };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".baler-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(directory)
        .map_err(failed)?;
    let mut tar = TarWriter::new(io::BufWriter::new(file.as_file_mut()));
    add(&mut tar, layout, Path::new("/"), path)?;
    let written = tar.finish().map_err(|source| PackageCreateError::WriteTar { path: path.to_owned(), source })?;
    written.into_inner().map_err(|error| failed(error.into_error()))?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
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
