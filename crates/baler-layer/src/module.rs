//! A buildpack or extension as a layer of a builder or buildpackage, by the byte rules of `pack`.
//!
//! Two directories (`/cnb/buildpacks/<escaped id>` and `…/<version>`), then the content in the order of a walk, owned by
//! 0:0. Modes are normalised: directories and `bin/build`, `bin/detect`, `bin/generate` 0755, whatever can be executed
//! 0755, all else 0644.

use std::io::Write;
use std::path::PathBuf;

use crate::tar::TarError;

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
        todo!()
    }
}
