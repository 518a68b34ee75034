//! A layer made of a directory on disk (reference: "Tar normalisation").
//!
//! Ancestors first, then the directory and all below it, depth first and in byte order of the names. Modes come from
//! disk, owners from the caller and never from `stat`, times are normalised. Sockets are left out, hard links become
//! copies, extended attributes are dropped, sparse files expanded, names that are not UTF-8 kept byte for byte.
//! Refused: a root that is no directory, and files that cannot be read or change while they are.

use std::fs::Metadata;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::tar::{Attributes, Owner, TarError, TarWriter};
use crate::walk::{add_from_disk, below, walk};

/// A directory above the layer's own, written before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// Absolute path in the image.
    pub path: PathBuf,
    pub mode: u32,
    pub owner: Owner,
}

/// A directory that becomes a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryLayer {
    /// Where it is on disk.
    pub root: PathBuf,
    /// Where it will be in the image, such as `/layers/<buildpack>/<layer>`.
    pub path_in_image: PathBuf,
    /// Its mode in the image, where that is not the one on disk.
    pub mode: Option<u32>,
    /// Owner of the directory and everything in it.
    pub owner: Owner,
    /// Root-most first, without `/`.
    pub ancestors: Vec<Ancestor>,
}

impl DirectoryLayer {
    /// Writes the whole layer as a tar, with its end mark.
    pub fn write(&self, output: &mut dyn Write) -> Result<(), TarError> {
        let mut tar = TarWriter::new(output);
        self.write_ancestors(&mut tar)?;
        walk(&self.root, &mut |relative, metadata| {
            let attributes = self.attributes(relative, metadata);
            let name = below(&self.path_in_image, relative);
            add_from_disk(&mut tar, &below(&self.root, relative), metadata, &name, &attributes)
        })?;
        tar.finish()?;
        Ok(())
    }

    /// The ancestors of `path_in_image` (`/` excluded), root-most first, all with this mode and owner.
    pub fn ancestors_of(path_in_image: &Path, mode: u32, owner: Owner) -> Vec<Ancestor> {
        let above = path_in_image.ancestors().skip(1).filter(|path| path.parent().is_some());
        let mut ancestors: Vec<_> = above.map(|path| Ancestor { path: path.to_owned(), mode, owner }).collect();
        ancestors.reverse();
        ancestors
    }

    /// What the entry at `relative` has in the tar.
    pub(crate) fn attributes(&self, relative: &Path, metadata: &Metadata) -> Attributes {
        let own = self.mode.filter(|_| relative.as_os_str().is_empty());
        Attributes::new(own.unwrap_or_else(|| metadata.mode()), self.owner)
    }

    pub(crate) fn write_ancestors<W: Write>(&self, tar: &mut TarWriter<W>) -> Result<(), TarError> {
        for ancestor in &self.ancestors {
            tar.directory(&ancestor.path, &Attributes::new(ancestor.mode, ancestor.owner))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_leave_out_the_root() {
        let paths = |path: &str| -> Vec<_> {
            let ancestors = DirectoryLayer::ancestors_of(Path::new(path), 0o755, Owner::ROOT);
            ancestors.into_iter().map(|ancestor| ancestor.path).collect()
        };
        assert_eq!(paths("/layers/a/b"), [Path::new("/layers"), Path::new("/layers/a")]);
        assert!(paths("/workspace").is_empty());
    }
}
