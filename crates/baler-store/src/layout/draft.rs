//! Images on their way into a layout.
//!
//! What they are made of waits in a directory of its own inside of the layout's, and takes its place when an image gets its
//! name. So a layout has whole images only: where there was none, and no image is finished, there is none afterwards, and
//! one that was there is as it was.

use std::io;
use std::path::{Path, PathBuf};

use baler_image::{BlobWriter, Descriptor, Digest, ImageName, Place, Sink, SinkError};
use tempfile::TempDir;

use super::{Layout, LayoutError, TEMPORARY};
use crate::blob::{self, FileBlobWriter};
use crate::disk::explain;
use crate::lock::Lock;

/// Held as long as the directory is used; who gets it may remove the directory.
const LOCK: &str = "lock";
/// Others may remove what is still empty just when it is made.
const TRIES: usize = 5;

/// A layout that gets images.
pub struct LayoutDraft {
    layout: Layout,
    waiting: Waiting,
    /// Directories that were not there before, the outermost first.
    made: Vec<PathBuf>,
}

/// Where blobs wait.
struct Waiting {
    directory: Option<TempDir>,
    _lock: Lock,
}

impl Layout {
    /// Begins images of the layout at `root`: one that is there, or one that is made with the first image, where nothing is,
    /// or an empty directory.
    pub fn begin(root: &Path) -> Result<LayoutDraft, LayoutError> {
        match Self::open(root) {
            Ok(layout) => {
                layout.remove_leftovers().map_err(|source| LayoutError::Make { root: root.to_owned(), source })?;
            }
            Err(LayoutError::Absent { .. }) => {
                remove_drafts(root).map_err(|source| LayoutError::Make { root: root.to_owned(), source })?;
            }
            Err(error) => return Err(error),
        }
        let failed = |source| LayoutError::Make { root: root.to_owned(), source: explain(source, root) };
        LayoutDraft::begin(root).map_err(failed)
    }
}

/// Removes what killed processes left where no layout is yet.
fn remove_drafts(root: &Path) -> io::Result<()> {
    let entries = match fs_err::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if is_draft(&path) {
            remove_draft(&path)?;
        }
    }
    Ok(())
}

impl LayoutDraft {
    /// The layout that it becomes: before the first image there is nothing to read.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn begin(root: &Path) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            tries += 1;
            let made = make_directories(root)?;
            match Waiting::make(root) {
                Ok(waiting) => return Ok(Self { layout: Layout { root: root.to_owned() }, waiting, made }),
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
                Err(error) => {
                    remove_directories(&made);
                    return Err(error);
                }
            }
        }
    }

    fn put(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        let failed = |source| SinkError::WriteImage { place: self.place(), name: name.clone(), source };
        let entry = self.layout.entry(name, descriptor, bytes)?;
        let mut writer = self.begin_blob()?;
        io::Write::write_all(&mut writer, bytes).map_err(failed)?;
        writer.commit(&descriptor.digest, bytes.len() as u64)?;
        let root = self.layout.root();
        self.waiting
            .move_to(root)
            .and_then(|()| self.layout.make_or_add(entry))
            .map_err(|error| failed(explain(error, root)))
    }
}

impl Sink for LayoutDraft {
    fn place(&self) -> Place {
        self.layout.place()
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        let waits = self.waiting.blob(digest).try_exists();
        match waits {
            Ok(false) => self.layout.has_blob(digest),
            waits => {
                waits.map_err(|source| SinkError::WriteBlob { place: self.place(), digest: digest.clone(), source })
            }
        }
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        let begin = || {
            let mut builder = tempfile::Builder::new();
            let file = builder.prefix(TEMPORARY).permissions(super::readable()).tempfile_in(self.waiting.path())?;
            let (_, temporary) = file.keep().map_err(|error| error.error)?;
            let directory = self.waiting.path().to_owned();
            let rename = move |temporary: &Path, digest: &Digest| {
                fs_err::File::open(temporary)?.sync_data()?;
                fs_err::rename(temporary, blob_in(&directory, digest))
            };
            FileBlobWriter::open(temporary, self.place(), Box::new(rename))
        };
        let failed = |source| SinkError::BeginBlob { place: self.place(), source };
        Ok(Box::new(begin().map_err(|error| failed(explain(error, self.layout.root())))?))
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        self.put(name, descriptor, bytes)
    }
}

impl Drop for LayoutDraft {
    fn drop(&mut self) {
        // What cannot be removed now is removed by who writes to the layout next.
        let _ = self.waiting.directory.take().map(TempDir::close);
        remove_directories(&self.made);
    }
}

impl Waiting {
    fn make(root: &Path) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            tries += 1;
            let directory = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(root)?;
            let path = directory.path().join(LOCK);
            match Lock::exclusive(&path) {
                // Else somebody took it for a leftover before it was locked.
                Ok(lock) if path.exists() => return Ok(Self { directory: Some(directory), _lock: lock }),
                Ok(_) if tries < TRIES => {}
                Ok(_) => return Err(io::ErrorKind::NotFound.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn path(&self) -> &Path {
        self.directory.as_ref().expect("it is taken when it is dropped").path()
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        blob_in(self.path(), digest)
    }

    /// Puts all blobs into the layout.
    fn move_to(&self, root: &Path) -> io::Result<()> {
        for entry in fs_err::read_dir(self.path())? {
            let entry = entry?;
            // What has no digest's name is still being written.
            let Some(digest) = entry.file_name().to_str().and_then(digest_of) else { continue };
            let path = blob::path(root, &digest);
            fs_err::create_dir_all(path.parent().unwrap_or(root))?;
            fs_err::rename(entry.path(), path)?;
        }
        Ok(())
    }
}

fn blob_in(directory: &Path, digest: &Digest) -> PathBuf {
    directory.join(format!("{}-{}", digest.algorithm().as_str(), digest.hex()))
}

fn digest_of(name: &str) -> Option<Digest> {
    name.replacen('-', ":", 1).parse().ok()
}

/// Makes a directory with those above it; which were not there.
fn make_directories(root: &Path) -> io::Result<Vec<PathBuf>> {
    let absent = root.ancestors().filter(|path| !path.as_os_str().is_empty() && !path.exists());
    let mut absent: Vec<PathBuf> = absent.map(Path::to_owned).collect();
    absent.reverse();
    fs_err::create_dir_all(root)?;
    Ok(absent)
}

/// Removes those of them that are empty.
fn remove_directories(made: &[PathBuf]) {
    for directory in made.iter().rev() {
        if fs_err::remove_dir(directory).is_err() {
            return;
        }
    }
}

/// Whether blobs of some process wait here.
pub(super) fn is_draft(path: &Path) -> bool {
    let is_temporary = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY));
    is_temporary && path.is_dir()
}

/// Removes a directory where blobs wait, unless its process lives.
pub(super) fn remove_draft(path: &Path) -> io::Result<()> {
    let absence = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    let lock = path.join(LOCK);
    if !lock.exists() {
        match fs_err::remove_dir(path) {
            // The lock is the first thing in it: without one, it was being removed by a process that was killed.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && !lock.exists() => {
                return fs_err::remove_dir_all(path).or_else(absence);
            }
            // It has been made just now.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Ok(()) | Err(_) => return Ok(()),
        }
    }
    match Lock::try_exclusive(&lock) {
        Ok(Some(_lock)) => fs_err::remove_dir_all(path).or_else(absence),
        Ok(None) => Ok(()),
        Err(error) => absence(error),
    }
}
