//! Directories that have one path on this machine and another one in the container and the image.

use std::path::{Path, PathBuf};

pub use baler_layer::tar::Owner;

/// A directory of the build, such as the layers directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountedDirectory {
    /// Where it is on this machine.
    pub host: PathBuf,
    /// Where buildpacks and the image have it: `/layers`, `/workspace`.
    pub image: PathBuf,
    /// The mode that it has in the image, where the one on disk is not that of a build.
    pub mode: Option<u32>,
}

impl MountedDirectory {
    /// The directory `host`, which is `image` in the image.
    pub fn new(host: impl Into<PathBuf>, image: impl Into<PathBuf>) -> Self {
        Self { host: host.into(), image: image.into(), mode: None }
    }

    /// The directory `path`, which others made for builds: in the image it has this mode, and belongs to the build user.
    pub fn borrowed(path: impl Into<PathBuf>, mode: u32) -> Self {
        let path = path.into();
        Self { host: path.clone(), image: path, mode: Some(mode) }
    }

    /// A path below it.
    #[must_use]
    pub fn join(&self, path: impl AsRef<Path>) -> Self {
        Self { host: self.host.join(&path), image: self.image.join(&path), mode: None }
    }
}

/// The build user's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildUser {
    /// In the image, and so in the tars of its layers.
    pub image: Owner,
    /// On this machine, where they are not the caller's: what a phase writes for the build is given to them.
    pub host: Option<Owner>,
}
