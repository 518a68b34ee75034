//! The tar of a piece: its bytes, what they depend on beside files, and about how many they are.

use std::io::Write;
use std::path::{Path, PathBuf};

use baler_layer::directory::DirectoryLayer;
use baler_layer::tar::{Attributes, Owner, TarError, TarWriter};

use super::piece::Content;

/// Layers that will be larger are made one after the other by all threads; smaller ones on one thread beside them.
const LARGE: u64 = 8 * 1024 * 1024;

/// Everything about a layer's tar that its directory does not tell.
pub(crate) fn frame(directory: &DirectoryLayer) -> String {
    let line = |path: &Path, mode: Option<u32>, Owner { uid, gid }: Owner| match mode {
        Some(mode) => format!("{} {mode:o} {uid}:{gid}", path.display()),
        None => format!("{} {uid}:{gid}", path.display()),
    };
    let above = directory.ancestors.iter().map(|ancestor| line(&ancestor.path, Some(ancestor.mode), ancestor.owner));
    let own = line(&directory.path_in_image, None, directory.owner);
    above.chain([own]).collect::<Vec<_>>().join("\n")
}

/// Writes the whole tar.
pub(crate) fn write_tar(content: &Content<'_>, output: &mut dyn Write) -> Result<(), TarError> {
    let directory = Attributes::new(0o755, Owner::ROOT);
    match content {
        Content::Absent | Content::Known(_) => Ok(()),
        Content::Directory(layer) => layer.write(output),
        Content::Slice(slice, _) => slice.write(output),
        Content::Launcher(bytes) => {
            let mut tar = TarWriter::new(output);
            tar.directory(Path::new("/cnb"), &directory)?;
            tar.directory(Path::new("/cnb/lifecycle"), &directory)?;
            tar.file_of_bytes(Path::new(LAUNCHER), &directory, bytes)?;
            tar.finish().map(drop)
        }
        Content::ProcessTypes(types) => {
            let mut tar = TarWriter::new(output);
            tar.directory(Path::new("/cnb"), &directory)?;
            tar.directory(Path::new("/cnb/process"), &directory)?;
            for process_type in types {
                tar.symlink(&Path::new("/cnb/process").join(process_type), Path::new(LAUNCHER), &directory)?;
            }
            tar.finish().map(drop)
        }
    }
}

/// Where the launcher is in an app image.
pub(crate) const LAUNCHER: &str = "/cnb/lifecycle/launcher";

/// Whether there is much to read; stops counting when that is sure.
pub(crate) fn is_large(content: &Content<'_>) -> bool {
    let is_tree = content.directory().is_some();
    let mut size = 0;
    let mut queue: Vec<PathBuf> = content.roots();
    while let Some(path) = queue.pop() {
        // Whatever cannot be looked at becomes an error when it is packed.
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
        // A header for each entry, whatever its size.
        size += 512 + if metadata.is_file() { metadata.len() } else { 0 };
        if size > LARGE {
            return true;
        }
        if is_tree && metadata.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten();
            queue.extend(entries.flatten().map(|entry| entry.path()));
        }
    }
    false
}
