//! The store's directory: opening it, its parts, and who may use it.
//!
//! ```text
//! ROOT/version                        "1"; a newer one is refused
//! ROOT/lock                           held for moments, see `lock`
//! ROOT/blobs/<algorithm>/<hex>        content
//! ROOT/images/<name>.json             what a name points at
//! ROOT/layers/<id map>/<diffID>/      unpacked layers: `tree`, and `owners` with what the headers said
//! ROOT/caches/<name>/                 build caches; `roots` lists the blobs that they need, `key` says whose they are
//! ROOT/daemons/<image id>.json        manifests and configs of images in daemons, which anybody may remove
//! ROOT/tmp/<random>/                  sessions
//! ```

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use baler_sandbox::{IdMap, SandboxProgram};
use rustix::fs::Access;

use crate::disk::explain;
use crate::ids;
use crate::lock::Lock;
use crate::scratch::{Scratch, ScratchError};
use crate::session::{self, Session};

const VERSION: u32 = 1;
const PARTS: [&str; 6] = ["blobs", "blobs/sha256", "images", "layers", "caches", "tmp"];

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("could not make the store at {}", root.display())]
    Make { root: PathBuf, source: io::Error },
    #[error("the store at {} cannot be written to", root.display())]
    ReadOnly { root: PathBuf, source: io::Error },
    #[error("the store at {} belongs to user {owner}, not to user {caller}", root.display())]
    WrongOwner { root: PathBuf, owner: u32, caller: u32 },
    #[error("others may write to the store at {} (its mode is {mode:04o})", root.display())]
    WritableByOthers { root: PathBuf, mode: u32 },
    #[error("the store at {} has format version {found}; this program knows versions up to {VERSION}", root.display())]
    Newer { root: PathBuf, found: String },
    #[error("{} is not empty, and not a store: it has no file named version", root.display())]
    NotAStore { root: PathBuf },
    #[error("could not read the store at {}", root.display())]
    Read { root: PathBuf, source: io::Error },
}

/// The local store. Cheap to open; one value per process is enough, and any number of threads may use it.
pub struct Store {
    root: PathBuf,
    program: SandboxProgram,
    session: Mutex<Option<Arc<Session>>>,
}

impl Store {
    /// Opens the store at `root`, and makes it if nothing is there. `program` is what acts for mapped ids.
    ///
    /// What killed processes have left is removed; that is the only work done, and mostly there is none.
    pub fn open(root: &Path, program: SandboxProgram) -> Result<Self, OpenError> {
        let read = |source| OpenError::Read { root: root.to_owned(), source };
        match fs_err::metadata(root) {
            Ok(metadata) => check_access(root, &metadata)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_root(root)?,
            Err(error) => return Err(read(error)),
        }
        // Absolute, since a helper that removes or unpacks works in another directory.
        let root = fs_err::canonicalize(root).map_err(read)?;
        check_version(&root)?;
        if let Err(error) = rustix::fs::access(root.join("tmp"), Access::WRITE_OK | Access::EXEC_OK) {
            return Err(unwritable(&root, error.into()));
        }
        let store = Self { root, program, session: Mutex::new(None) };
        store.remove_leftovers().map_err(|source| unwritable(&store.root, source))?;
        Ok(store)
    }

    /// The store's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A directory for work in progress; `purpose` becomes a part of its name.
    pub fn scratch(&self, purpose: &str) -> Result<Scratch, ScratchError> {
        self.make_scratch(purpose, None)
    }

    /// A directory for work in progress in which files may belong to the ids of `id_map`.
    pub fn scratch_for(&self, purpose: &str, id_map: &IdMap) -> Result<Scratch, ScratchError> {
        self.make_scratch(purpose, Some(id_map))
    }

    fn make_scratch(&self, purpose: &str, id_map: Option<&IdMap>) -> Result<Scratch, ScratchError> {
        let session = self.session().map_err(|source| ScratchError { path: self.tmp(), source })?;
        Scratch::make(&session, &self.program, purpose, id_map)
    }

    pub(crate) fn program(&self) -> &SandboxProgram {
        &self.program
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn layers_directory(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What this process has in work; begun when it is first needed.
    pub(crate) fn session(&self) -> io::Result<Arc<Session>> {
        let mut slot = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*slot {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(Session::begin(&self.tmp(), &self.lock_path())?);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }

    fn remove_leftovers(&self) -> io::Result<()> {
        let tmp = self.tmp();
        if fs_err::read_dir(&tmp)?.next().is_none() {
            return Ok(());
        }
        let Some(guard) = Lock::try_exclusive(&self.lock_path())? else { return Ok(()) };
        let dead = session::dead_sessions(&tmp)?;
        drop(guard);
        for session in dead {
            // An error here would keep everything else from working; the next start tries again.
            let _ = self.remove_dead(&session.directory);
        }
        Ok(())
    }

    fn remove_dead(&self, directory: &Path) -> io::Result<()> {
        for entry in fs_err::read_dir(directory)? {
            let entry = entry?;
            if session::is_own_file(&entry.file_name()) {
                continue;
            }
            if let Some(id_map) = ids::read(&ids::beside(&entry.path()))? {
                ids::remove_tree(&self.program, Some(&id_map), &entry.path())?;
            }
        }
        ids::remove_tree(&self.program, None, directory)
    }
}

fn check_access(root: &Path, metadata: &std::fs::Metadata) -> Result<(), OpenError> {
    let caller = rustix::process::geteuid().as_raw();
    if !metadata.is_dir() {
        let source = io::ErrorKind::NotADirectory.into();
        return Err(OpenError::Read { root: root.to_owned(), source });
    }
    if metadata.uid() != caller {
        return Err(OpenError::WrongOwner { root: root.to_owned(), owner: metadata.uid(), caller });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(OpenError::WritableByOthers { root: root.to_owned(), mode });
    }
    Ok(())
}

fn make_root(root: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Make { root: root.to_owned(), source: explain(source, root) };
    if let Some(parent) = root.parent() {
        fs_err::create_dir_all(parent).map_err(failed)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(root) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn check_version(root: &Path) -> Result<(), OpenError> {
    let path = root.join("version");
    match fs_err::read_to_string(&path) {
        Ok(text) if text.trim().parse() == Ok(VERSION) => Ok(()),
        Ok(text) => Err(OpenError::Newer { root: root.to_owned(), found: text.trim().to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_parts(root),
        Err(source) => Err(OpenError::Read { root: root.to_owned(), source }),
    }
}

/// Makes the parts of a new store; the version comes last, so that a store with one is complete.
fn make_parts(root: &Path) -> Result<(), OpenError> {
    let failed = |source| unwritable(root, source);
    let guard = Lock::exclusive(&root.join("lock")).map_err(failed)?;
    let version = root.join("version");
    if version.exists() {
        return Ok(());
    }
    let is_ours = |name: &std::ffi::OsStr| name == "lock" || PARTS.iter().any(|part| name == *part);
    for entry in fs_err::read_dir(root).map_err(failed)? {
        if !is_ours(&entry.map_err(failed)?.file_name()) {
            // Nothing is left behind in a directory that was named by mistake.
            let _ = fs_err::remove_file(root.join("lock"));
            return Err(OpenError::NotAStore { root: root.to_owned() });
        }
    }
    for part in PARTS {
        fs_err::create_dir_all(root.join(part)).map_err(failed)?;
    }
    fs_err::write(root.join("tmp/version"), format!("{VERSION}\n")).map_err(failed)?;
    fs_err::rename(root.join("tmp/version"), version).map_err(failed)?;
    drop(guard);
    Ok(())
}

fn unwritable(root: &Path, source: io::Error) -> OpenError {
    let root = root.to_owned();
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => OpenError::ReadOnly { root, source },
        _ => OpenError::Make { source: explain(source, &root), root },
    }
}
