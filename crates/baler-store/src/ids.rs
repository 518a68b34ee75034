//! Id maps on disk, so that what belongs to mapped ids can be removed later; and removal with and without them.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use baler_image::Digest;
use baler_sandbox::{IdMap, SandboxProgram};

use crate::disk::explain;

/// The file that says which ids own what is in `directory`.
pub(crate) fn beside(directory: &Path) -> PathBuf {
    let mut name = OsString::from(directory);
    name.push(".ids");
    PathBuf::from(name)
}

/// Names longer than this are replaced by their digest.
const MAXIMUM_KEY: usize = 120;

/// The name of an id map, for a directory of what is unpacked for it.
pub(crate) fn key(id_map: &IdMap) -> String {
    let key = id_map.key();
    if key.len() <= MAXIMUM_KEY { key } else { Digest::of(key.as_bytes()).hex().to_owned() }
}

/// Records an id map.
pub(crate) fn write(path: &Path, id_map: &IdMap) -> io::Result<()> {
    let bytes = serde_json::to_vec(id_map).map_err(io::Error::other)?;
    fs_err::write(path, bytes).map_err(|error| explain(error, path))
}

/// Records an id map where others look at any time, and where it stays: whole, or not at all. It is made as `temporary`,
/// on the same file system.
pub(crate) fn publish(path: &Path, id_map: &IdMap, temporary: &Path) -> io::Result<()> {
    write(temporary, id_map)?;
    fs_err::File::open(temporary)?.sync_data()?;
    fs_err::rename(temporary, path)
}

/// Reads a recorded id map; `None` if there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<IdMap>> {
    match fs_err::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a tree, with the rights of the ids that own it. Nothing there is no error.
pub(crate) fn remove_tree(program: &SandboxProgram, id_map: Option<&IdMap>, path: &Path) -> io::Result<()> {
    match id_map {
        Some(id_map) => baler_sandbox::remove_owned_tree(program, id_map, path).map_err(io::Error::other),
        None => baler_sandbox::remove_tree(path).map_err(io::Error::other),
    }
}
