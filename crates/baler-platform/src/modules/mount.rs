//! Modules as they are put into a builder: directories where they are, layers unpacked once.

use std::io;
use std::path::{Path, PathBuf};

use baler_image::{Digest, Layer};
use baler_sandbox::IdMap;
use baler_store::UnpackError;

use super::{Content, Module};
use crate::context::Context;

/// Why a module cannot be mounted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    #[error("could not unpack {name}")]
    Unpack { name: String, source: UnpackError },
    #[error("the layer {diff_id}, in which {name} should be, has no directory {}", path.display())]
    Absent { name: String, diff_id: Digest, path: PathBuf },
    #[error("could not look into the layer of {name}")]
    Look { name: String, source: io::Error },
}

/// A module on the disk, and where it belongs in a builder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlacedModule {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
}

/// Has the files of `modules` on the disk, for the ids of `id_map`.
pub(crate) fn place<'a>(
    context: &Context<'_>,
    modules: impl IntoIterator<Item = &'a Module>,
    id_map: &IdMap,
) -> Result<Vec<PlacedModule>, MountError> {
    let place = |module: &Module| {
        let target = module.path_in_image();
        let source = match &module.content {
            Content::Directory(directory) => directory.clone(),
            Content::Layer(layer) => unpacked(context, module, layer, id_map)?,
        };
        Ok(PlacedModule { source, target })
    };
    modules.into_iter().map(place).collect()
}

fn unpacked(context: &Context<'_>, module: &Module, layer: &Layer, id_map: &IdMap) -> Result<PathBuf, MountError> {
    let (name, path) = (|| module.description.info.full_name(), module.path_in_image());
    let unpacked = context.store.unpack(std::slice::from_ref(layer), context.store, id_map, &|_| ());
    let unpacked = unpacked.map_err(|source| MountError::Unpack { name: name(), source })?;
    let absent = || MountError::Absent { name: name(), diff_id: layer.diff_id.clone(), path: path.clone() };
    let tree = unpacked.lower.last().ok_or_else(absent)?;
    let found = descend(tree, &path).map_err(|source| MountError::Look { name: name(), source })?;
    found.ok_or_else(absent)
}

/// The directory `path` of the tree, on a way without links: one in a layer could lead to anything of the host.
fn descend(tree: &Path, path: &Path) -> io::Result<Option<PathBuf>> {
    let mut found = tree.to_owned();
    for name in path.strip_prefix("/").unwrap_or(path) {
        found.push(name);
        match fs_err::symlink_metadata(&found) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_not_followed() {
        let tree = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(tree.path().join("cnb/buildpacks")).unwrap();
        std::os::unix::fs::symlink("/etc", tree.path().join("cnb/buildpacks/a")).unwrap();
        assert_eq!(descend(tree.path(), Path::new("/cnb/buildpacks/a")).unwrap(), None);
        assert_eq!(descend(tree.path(), Path::new("/cnb/absent")).unwrap(), None);
        assert!(descend(tree.path(), Path::new("/cnb/buildpacks")).unwrap().is_some());
    }
}
