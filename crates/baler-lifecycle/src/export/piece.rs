//! The pieces that an export is made of: every layer that goes into the image, the cache, or both.

use std::path::PathBuf;

use baler_cnb::layer::LayerFile;
use baler_image::Layer;
use baler_layer::directory::DirectoryLayer;
use baler_layer::slices::SliceLayer;

use crate::layers_directory::LayerId;

/// What a layer is to the image. The previous image's digest of the same role decides on reuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A layer of a buildpack.
    Buildpack(LayerId),
    /// SBOM files of launch layers.
    LaunchSbom,
    /// The application, or a slice of it.
    App,
    Launcher,
    /// metadata.toml.
    Config,
    ProcessTypes,
    /// SBOM files of cached layers; only in the cache.
    CacheSbom,
}

/// A layer before it is measured.
pub(crate) struct Piece<'a> {
    pub(crate) role: Role,
    /// Its name in messages.
    pub(crate) what: String,
    /// What the image's history says of it.
    pub(crate) created_by: String,
    /// The `<layer>.toml` of a buildpack's layer.
    pub(crate) file: LayerFile,
    pub(crate) content: Content<'a>,
    pub(crate) in_image: bool,
    pub(crate) in_cache: bool,
}

/// Where a layer's bytes come from.
pub(crate) enum Content<'a> {
    /// Nowhere: the previous image has them.
    Absent,
    /// The previous image has them, as this layer.
    Known(Layer),
    Directory(DirectoryLayer),
    /// A slice of the application, and where that is.
    Slice(SliceLayer, PathBuf),
    Launcher(&'a [u8]),
    /// Links to the launcher, one for each process type.
    ProcessTypes(Vec<String>),
}

impl Content<'_> {
    /// Whether the previous image's layer is meant.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The directory that a cache can keep.
    pub(crate) fn directory(&self) -> Option<&DirectoryLayer> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Absent | Self::Known(_) | Self::Slice(..) | Self::Launcher(_) | Self::ProcessTypes(_) => None,
        }
    }

    /// Directories that will be read as a whole, and single files.
    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        match self {
            Self::Directory(directory) => vec![directory.root.clone()],
            Self::Slice(slice, root) => slice.entries().iter().map(|entry| root.join(entry)).collect(),
            Self::Absent | Self::Known(_) | Self::Launcher(_) | Self::ProcessTypes(_) => Vec::new(),
        }
    }
}
