//! OCI layout directories (OCI image specification: "Image Layout") as source and sink.

mod sink;
mod source;

use std::io;
use std::path::{Path, PathBuf};

/// An OCI layout directory.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

/// Why a directory could not be used as an OCI layout.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    #[error("there is no OCI layout at {}", root.display())]
    Absent { root: PathBuf },
    #[error("{} is not an OCI layout", root.display())]
    NotALayout { root: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the OCI layout at {} has version {found}; this program knows 1.0.0", root.display())]
    OtherVersion { root: PathBuf, found: String },
    #[error("could not make an OCI layout at {}", root.display())]
    Make { root: PathBuf, source: io::Error },
    #[error("could not read the OCI layout at {}", root.display())]
    Read { root: PathBuf, source: io::Error },
}

impl Layout {
    /// Opens a layout that is there.
    pub fn open(root: &Path) -> Result<Self, LayoutError> {
        todo!()
    }

    /// Opens a layout, or makes an empty one where nothing is, or an empty directory.
    pub fn create_or_open(root: &Path) -> Result<Self, LayoutError> {
        todo!()
    }

    /// The layout's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The names of its images (annotation `org.opencontainers.image.ref.name`).
    pub fn names(&self) -> Result<Vec<String>, LayoutError> {
        todo!()
    }
}
