//! A buildpack or extension as a layer of a builder or buildpackage, by the byte rules of `pack`.
//!
//! Two directories (`/cnb/buildpacks/<escaped id>` and `…/<version>`), then the content in the order of a walk, owned by
//! 0:0. Modes are normalised: directories and `bin/build`, `bin/detect`, `bin/generate` 0755, whatever can be executed
//! 0755, all else 0644; so the umask of whoever checked the module out does not show.

use std::fs::Metadata;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::tar::{Attributes, Owner, TarError, TarWriter};
use crate::walk::{add_from_disk, below, walk};

const EXECUTABLES: [&str; 3] = ["bin/build", "bin/detect", "bin/generate"];

/// A module directory that becomes a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleLayer {
    /// Where it is on disk.
    pub root: PathBuf,
    /// Where it will be: `/cnb/buildpacks/<escaped id>/<version>` or `/cnb/extensions/…`.
    pub path_in_image: PathBuf,
}

impl ModuleLayer {
    /// Writes the whole layer as a tar, with its end mark.
    pub fn write(&self, output: &mut dyn Write) -> Result<(), TarError> {
        let mut tar = TarWriter::new(output);
        if let Some(parent) = self.path_in_image.parent() {
            tar.directory(parent, &Attributes::new(0o755, Owner::ROOT))?;
        }
        walk(&self.root, &mut |relative, metadata| {
            let attributes = Attributes::new(mode(relative, metadata), Owner::ROOT);
            let name = below(&self.path_in_image, relative);
            add_from_disk(&mut tar, &below(&self.root, relative), metadata, &name, &attributes)
        })?;
        tar.finish()?;
        Ok(())
    }
}

fn mode(relative: &Path, metadata: &Metadata) -> u32 {
    let is_executable =
        metadata.is_dir() || EXECUTABLES.iter().any(|name| relative == Path::new(name)) || metadata.mode() & 0o111 != 0;
    if is_executable { 0o755 } else { 0o644 }
}
