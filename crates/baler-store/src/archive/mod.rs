//! Archives as source and sink: OCI layouts in one tar (OCI image specification: "Image Layout"), and what `docker save`
//! writes, in its old form (`manifest.json`, `<id>/layer.tar`) and its present one, which is also an OCI layout.
//!
//! An archive is indexed once and read in place; a compressed one is decompressed into a scratch directory before. A
//! Docker archive that is an OCI layout as well is read as one, since that keeps manifests.

mod docker;
mod files;
mod section;
mod sink;
mod source;
mod write;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baler_image::{ArchiveKind, Descriptor, Digest, ImageName, Index, Place, Target};
use baler_layer::apply::{Compression, plain};
use baler_layer::tar::ReadError;

use crate::layout::{INDEX, LayoutError, Listed, MARKER, Marker, VERSION, names_of};
use crate::scratch::{Scratch, ScratchError};
use crate::store::Store;
use files::Files;
use section::Extent;

pub use sink::ArchiveSink;
pub use write::{ArchivedImage, WriteArchiveError, write_archive};

/// An archive that was opened.
pub struct Archive {
    place: Place,
    file: Arc<fs_err::File>,
    /// The index as it stands in the file; empty where the archive has none.
    index: Vec<u8>,
    contents: Contents,
    /// What it is read as.
    kind: ArchiveKind,
    /// Where a compressed archive was decompressed to.
    _scratch: Option<Scratch>,
}

/// What an archive has.
#[derive(Default)]
struct Contents {
    listed: Vec<Listed>,
    /// Manifests that were made up.
    documents: BTreeMap<Digest, Vec<u8>>,
    blobs: BTreeMap<Digest, Extent>,
}

/// Why an archive could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    #[error("there is no archive {}", path.display())]
    Absent { path: PathBuf },
    /// What is read in place has to lie there in one piece.
    #[error("archive {} has {name} as a sparse file: pack it without", path.display())]
    Sparse { path: PathBuf, name: String },
    #[error("could not make archive {}", path.display())]
    Make { path: PathBuf, source: io::Error },
    #[error("could not read archive {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} is not an archive", path.display())]
    NotATar { path: PathBuf, source: ReadError },
    #[error("archive {} is cut off", path.display())]
    Truncated { path: PathBuf },
    #[error("archive {} holds too many files", path.display())]
    TooManyFiles { path: PathBuf },
    #[error("archive {} holds no image: it has neither manifest.json nor index.json", path.display())]
    NoImages { path: PathBuf },
    #[error("{} was named as {wanted}, but it is of the kind {found}", path.display())]
    OtherKind { path: PathBuf, wanted: ArchiveKind, found: ArchiveKind },
    #[error("archive {} has no file {name}", path.display())]
    NoFile { path: PathBuf, name: String },
    #[error("{name} in archive {} has {size} bytes, which is too much for a document", path.display())]
    TooLarge { path: PathBuf, name: String, size: u64 },
    #[error("could not read {name} in archive {}", path.display())]
    Read { path: PathBuf, name: String, source: io::Error },
    #[error("could not parse {name} in archive {}", path.display())]
    Malformed { path: PathBuf, name: String, source: serde_json::Error },
    #[error("the OCI layout in archive {} has version {found}; this program knows {VERSION}", path.display())]
    OtherVersion { path: PathBuf, found: String },
    #[error("image {id} in archive {} has {layers} layers, but its config has {diff_ids} diffIDs", path.display())]
    LayerCount { path: PathBuf, id: Digest, layers: usize, diff_ids: usize },
    #[error("could not decompress archive {}", path.display())]
    Decompress { path: PathBuf, source: io::Error },
    #[error("could not make room to decompress archive {}", path.display())]
    Scratch { path: PathBuf, source: ScratchError },
    #[error("could not make room for what archive {} will hold", path.display())]
    Wait { path: PathBuf, source: LayoutError },
}

impl Archive {
    /// Opens an archive of this kind, or of any. `store` has room to decompress it.
    pub fn open(path: &Path, kind: Option<ArchiveKind>, store: &Store) -> Result<Self, ArchiveError> {
        let file = fs_err::File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ArchiveError::Absent { path: path.to_owned() },
            _ => ArchiveError::Open { path: path.to_owned(), source },
        })?;
        let (file, scratch) = decompressed(file, store)?;
        let files = Files::read(file).map_err(|error| error.of(path))?;
        let found = kind_of(&files).ok_or_else(|| ArchiveError::NoImages { path: path.to_owned() })?;
        if let Some(wanted) = kind
            && !is_of_kind(&files, wanted)
        {
            return Err(ArchiveError::OtherKind { path: path.to_owned(), wanted, found });
        }
        let place = Place::Archive { kind: kind.unwrap_or(found), path: path.to_owned() };
        // Where there are manifests, they are kept.
        let read_as = if is_of_kind(&files, ArchiveKind::Oci) { ArchiveKind::Oci } else { ArchiveKind::Docker };
        Self::of(files, read_as, place, scratch).map_err(|error| error.of(path))
    }

    /// Reads an uncompressed archive that came from `place`, as one of this kind.
    pub fn read(file: fs_err::File, kind: ArchiveKind, place: Place) -> Result<Self, ArchiveError> {
        let files = Files::read(file)?;
        if !is_of_kind(&files, kind) {
            return Err(ArchiveError::NoImages { path: files.path().to_owned() });
        }
        Self::of(files, kind, place, None)
    }

    /// Whether a document or blob is there.
    pub fn has(&self, digest: &Digest) -> bool {
        self.contents.blobs.contains_key(digest) || self.contents.documents.contains_key(digest)
    }

    /// The images of the archive under all their names; one without a name by its digest.
    pub fn names(&self) -> Vec<ImageName> {
        let name = |listed: &Listed| {
            let name = names_of(&listed.descriptor).last().map_or_else(|| listed.digest.to_string(), str::to_owned);
            let (path, kind) = (self.file.path().to_owned(), self.kind);
            ImageName::from(Target::Archive { kind, path, name: Some(name) })
        };
        self.contents.listed.iter().map(name).collect()
    }

    /// The images of the archive: one entry for each name.
    pub(crate) fn entries(&self) -> Vec<Descriptor> {
        self.contents.listed.iter().map(|listed| listed.descriptor.clone()).collect()
    }

    fn of(files: Files, kind: ArchiveKind, place: Place, scratch: Option<Scratch>) -> Result<Self, ArchiveError> {
        let (index, contents) = match kind {
            ArchiveKind::Oci => layout_contents(&files)?,
            ArchiveKind::Docker => (Vec::new(), docker::contents(&files)?),
        };
        Ok(Self { place, kind, file: files.file, index, contents, _scratch: scratch })
    }
}

impl ArchiveError {
    /// The same of the file that the user named.
    fn of(self, named: &Path) -> Self {
        let mut error = self;
        match &mut error {
            Self::Absent { path }
            | Self::Sparse { path, .. }
            | Self::Open { path, .. }
            | Self::NotATar { path, .. }
            | Self::Truncated { path }
            | Self::TooManyFiles { path }
            | Self::NoImages { path }
            | Self::OtherKind { path, .. }
            | Self::NoFile { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Read { path, .. }
            | Self::Malformed { path, .. }
            | Self::OtherVersion { path, .. }
            | Self::LayerCount { path, .. }
            | Self::Decompress { path, .. }
            | Self::Scratch { path, .. }
            | Self::Make { path, .. }
            | Self::Wait { path, .. } => named.clone_into(path),
        }
        error
    }
}

fn is_of_kind(files: &Files, kind: ArchiveKind) -> bool {
    match kind {
        ArchiveKind::Docker => files.find(docker::MANIFEST).is_some(),
        ArchiveKind::Oci => files.find(INDEX).is_some() && files.find(MARKER).is_some(),
    }
}

fn kind_of(files: &Files) -> Option<ArchiveKind> {
    [ArchiveKind::Docker, ArchiveKind::Oci].into_iter().find(|kind| is_of_kind(files, *kind))
}

/// What an OCI layout in a tar has.
fn layout_contents(files: &Files) -> Result<(Vec<u8>, Contents), ArchiveError> {
    let marker: Marker = files.parse(MARKER, &files.bytes(MARKER)?)?;
    if marker.image_layout_version != VERSION {
        let path = files.path().to_owned();
        return Err(ArchiveError::OtherVersion { path, found: marker.image_layout_version });
    }
    let bytes = files.bytes(INDEX)?;
    let index: Index = files.parse(INDEX, &bytes)?;
    let digest = |path: &str| path.replacen('/', ":", 1).parse::<Digest>().ok();
    let blobs = files.below("blobs/").filter_map(|(path, extent)| Some((digest(path)?, extent))).collect();
    let listed = index.manifests.into_iter().map(Listed::new).collect();
    Ok((bytes, Contents { listed, documents: BTreeMap::new(), blobs }))
}

/// The file itself, or what is in it if it is compressed.
fn decompressed(mut file: fs_err::File, store: &Store) -> Result<(fs_err::File, Option<Scratch>), ArchiveError> {
    let path = file.path().to_owned();
    let mut start = Vec::new();
    let looked = (&mut file).take(4).read_to_end(&mut start).and_then(|_| file.seek(SeekFrom::Start(0)));
    looked.map_err(|source| ArchiveError::Open { path: path.clone(), source })?;
    if Compression::of(&start) == Compression::None {
        return Ok((file, None));
    }
    let failed = |source| ArchiveError::Decompress { path: path.clone(), source };
    let scratch = store.scratch("archive").map_err(|source| ArchiveError::Scratch { path: path.clone(), source })?;
    let target = scratch.path().join("archive.tar");
    let mut output =
        fs_err::OpenOptions::new().read(true).write(true).create_new(true).open(&target).map_err(failed)?;
    let copied = plain(file).and_then(|mut content| io::copy(&mut content, &mut output));
    copied.map_err(|error| failed(crate::disk::explain(error, &target)))?;
    output.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok((output, Some(scratch)))
}
