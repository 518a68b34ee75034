//! The root file system that a command sees: a stack of directories, a place for changes, and mounts.
//!
//! Values only; what the kernel is asked for stands in `helper`.

use std::path::PathBuf;

/// A root file system. It exists while a command runs, and what the command changed in it is thrown away.
///
/// Every mount has a fresh `/proc`, `/dev` and (where the host has one) a read-only `/sys` besides what is named here.
/// `/tmp` is the image's.
#[derive(Clone, Debug, Default)]
pub struct Root {
    /// The directories that are stacked, topmost first; their owners are as the [`IdMap`](crate::IdMap) says.
    pub lower: Vec<PathBuf>,
    /// An existing, empty directory of the caller for what is written. It must lie on a file system that overlayfs
    /// can write to (ext4, xfs, btrfs, tmpfs; not overlayfs itself), and is empty again when the command has ended.
    pub scratch: PathBuf,
    /// What else is visible, in the order in which it is mounted: a mount below another one comes after it.
    pub mounts: Vec<Mount>,
    /// What the build user may write. Used only where all files belong to it ([`IdMapMode::Single`](crate::IdMapMode));
    /// elsewhere the kernel decides by owner and mode.
    pub writable: WritablePaths,
}

/// A file or directory of the host that is visible inside: `nosuid`, `nodev`, with everything mounted below it.
///
/// A missing mount point is made, with its parents; links are followed inside the root, and cannot lead out of it.
/// A mount point that must be made inside an earlier mount is made in that mount's source, so have it there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is on the host.
    pub source: PathBuf,
    /// Where it is inside; absolute.
    pub target: PathBuf,
    /// Whether it can be written to (as far as owners and modes allow); if not, all that is mounted below is read-only too.
    pub writable: bool,
}

impl Mount {
    /// A mount that cannot be written to.
    pub fn read_only(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self { source: source.into(), target: target.into(), writable: false }
    }

    /// A mount that can be written to.
    pub fn writable(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self { source: source.into(), target: target.into(), writable: true }
    }
}

/// Where the build user may write by the owners and modes in the image. Absolute paths inside; nothing is followed
/// out of the root; a path that does not exist is skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WritablePaths {
    /// Directories (with all below them) and files that can be written.
    pub writable: Vec<PathBuf>,
    /// Exceptions below those: directories (with all below them) and files that cannot.
    pub protected: Vec<PathBuf>,
}
