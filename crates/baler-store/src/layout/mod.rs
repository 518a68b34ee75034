//! OCI layout directories (OCI image specification: "Image Layout") as source and sink.
//!
//! A layout belongs to whoever named it: other images in it stay, nothing is left behind in it, and a directory that
//! holds something else is refused.

mod draft;
mod index;
mod select;
mod sink;
mod source;

pub use draft::LayoutDraft;
pub(crate) use index::{CONTAINERD_NAME, names_of};
pub(crate) use select::{Listed, Selection, select};

use std::io;
use std::path::{Path, PathBuf};

use baler_image::{ImageName, Place, Target};
use serde::{Deserialize, Serialize};

use crate::blob::remove_temporary;
use crate::disk::explain;
use crate::lock::Lock;

pub(crate) const MARKER: &str = "oci-layout";
pub(crate) const INDEX: &str = "index.json";
pub(crate) const VERSION: &str = "1.0.0";
const EMPTY_INDEX: &str =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}";
/// The annotation that names an image in a layout.
pub(crate) const REFERENCE_NAME: &str = "org.opencontainers.image.ref.name";
/// What files that are being written are called, until they have their names.
const TEMPORARY: &str = ".baler-";

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
    #[error("the OCI layout at {} has version {found}; this program knows {VERSION}", root.display())]
    OtherVersion { root: PathBuf, found: String },
    #[error("could not make an OCI layout at {}", root.display())]
    Make { root: PathBuf, source: io::Error },
    #[error("could not read the OCI layout at {}", root.display())]
    Read { root: PathBuf, source: io::Error },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Marker {
    pub(crate) image_layout_version: String,
}

/// The directory has no `oci-layout` file.
#[derive(Debug, thiserror::Error)]
#[error("it has no file {MARKER}")]
struct NoMarker;

impl Layout {
    /// Opens a layout that is there. A directory that is empty but for what a killed process left, or a living one has
    /// begun, is as good as none.
    pub fn open(root: &Path) -> Result<Self, LayoutError> {
        let root = root.to_owned();
        let text = match fs_err::read(root.join(MARKER)) {
            Ok(text) => text,
            Err(error) if is_absence(&error) => {
                return Err(match holds_else(&root) {
                    Ok(true) => LayoutError::NotALayout { root, source: Box::new(NoMarker) },
                    Ok(false) => LayoutError::Absent { root },
                    Err(source) => LayoutError::Read { root, source },
                });
            }
            Err(source) => return Err(LayoutError::Read { root, source }),
        };
        match serde_json::from_slice::<Marker>(&text) {
            Ok(marker) if marker.image_layout_version == VERSION => Ok(Self { root }),
            Ok(marker) => Err(LayoutError::OtherVersion { root, found: marker.image_layout_version }),
            Err(error) => Err(LayoutError::NotALayout { root, source: error.into() }),
        }
    }

    /// Opens a layout, or makes an empty one where nothing is, or an empty directory.
    pub fn create_or_open(root: &Path) -> Result<Self, LayoutError> {
        let failed = |source| LayoutError::Make { root: root.to_owned(), source: explain(source, root) };
        match Self::open(root) {
            Ok(layout) => {
                layout.remove_leftovers().map_err(failed)?;
                return Ok(layout);
            }
            Err(LayoutError::Absent { .. }) => fs_err::create_dir_all(root).map_err(failed)?,
            Err(error) => return Err(error),
        }
        Self { root: root.to_owned() }.make(EMPTY_INDEX.as_bytes()).map_err(failed)?;
        Self::open(root)
    }

    /// The layout's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The names of its images (annotation `org.opencontainers.image.ref.name`), in the order of its index.
    pub fn names(&self) -> Result<Vec<String>, LayoutError> {
        Ok(self.entries()?.iter().filter_map(|entry| index::name_of(entry)).map(str::to_owned).collect())
    }

    /// The name that this layout itself, or the image `name` in it, has on the command line.
    pub fn image_name(&self, name: Option<&str>) -> ImageName {
        ImageName::from(Target::Layout { path: self.root.clone(), name: name.map(str::to_owned) })
    }

    fn place(&self) -> Place {
        Place::Layout(self.root.clone())
    }

    /// The marker comes last: what has it is a layout. Another process may be making the same one, and be ahead; then it
    /// may also have taken this one's temporary file for a leftover. Whether the index is this one.
    fn make(&self, index: &[u8]) -> io::Result<bool> {
        fs_err::create_dir_all(self.root.join("blobs/sha256"))?;
        let marker = Marker { image_layout_version: VERSION.to_owned() };
        let marker = serde_json::to_vec(&marker).map_err(io::Error::other)?;
        let is_own = self.put_new(INDEX, index)?;
        self.put_new(MARKER, &marker)?;
        Ok(is_own)
    }

    /// Writes a file, unless it is there.
    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let mut file = self.temporary()?;
        io::Write::write_all(&mut file, bytes)?;
        match file.persist_noclobber(self.root.join(name)) {
            Ok(_) => Ok(true),
            Err(_) if self.root.join(name).exists() => Ok(false),
            Err(error) => Err(error.error),
        }
    }

    /// Writes a whole file under a temporary name, and renames it.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let write = || {
            let mut file = self.temporary()?;
            io::Write::write_all(&mut file, bytes)?;
            file.as_file().sync_data()?;
            file.persist(path).map(drop).map_err(|error| error.error)
        };
        write().map_err(|error| explain(error, path))
    }

    /// Locks the layout against other processes of this program; the lock file is the marker itself.
    fn lock(&self) -> io::Result<Lock> {
        Lock::exclusive(&self.root.join(MARKER))
    }

    fn remove_leftovers(&self) -> io::Result<()> {
        let is_temporary =
            |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY));
        let entries = fs_err::read_dir(&self.root)?.map(|entry| entry.map(|entry| entry.path()));
        let leftovers: Vec<PathBuf> =
            entries.filter(|path| path.as_deref().map_or(true, is_temporary)).collect::<Result<_, _>>()?;
        if leftovers.is_empty() {
            return Ok(());
        }
        let _guard = self.lock()?;
        let remove =
            |path: &PathBuf| if draft::is_draft(path) { draft::remove_draft(path) } else { remove_temporary(path) };
        leftovers.iter().try_for_each(remove)
    }
}

/// The mode of files in a layout, before the umask: others may read it.
fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

/// Whether there is something that is no part of a layout.
fn holds_else(root: &Path) -> io::Result<bool> {
    let is_part = |name: &str| [MARKER, INDEX, "blobs"].contains(&name) || name.starts_with(TEMPORARY);
    let entries = match fs_err::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(root.exists()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        if !is_part(&entry?.file_name().to_string_lossy()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
