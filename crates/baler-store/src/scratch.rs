//! Directories in work, removed when they are no longer needed, whatever owners and modes their content has.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baler_sandbox::{IdMap, SandboxProgram};

use crate::disk::explain;
use crate::ids;
use crate::session::Session;

/// A directory could not be made.
#[derive(Debug, thiserror::Error)]
#[error("could not make the directory {} for work in progress", path.display())]
pub struct ScratchError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// A directory in work. Dropping it removes it; if the process dies, the next one that opens the store does.
pub struct Scratch {
    path: PathBuf,
    program: SandboxProgram,
    id_map: Option<IdMap>,
    /// Last, so that the session's own directory goes after this one.
    session: Arc<Session>,
}

impl Scratch {
    /// Makes a directory. With an id map, what is made inside may belong to its ids.
    pub(crate) fn make(
        session: &Arc<Session>,
        program: &SandboxProgram,
        purpose: &str,
        id_map: Option<&IdMap>,
    ) -> Result<Self, ScratchError> {
        let path = session.fresh(purpose);
        let failed = |source| {
            // Half of it would keep the session's directory from going.
            let _ = fs_err::remove_file(ids::beside(&path));
            ScratchError { path: path.clone(), source: explain(source, &path) }
        };
        if let Some(id_map) = id_map {
            ids::write(&ids::beside(&path), id_map).map_err(failed)?;
        }
        fs_err::create_dir(&path).map_err(failed)?;
        let (program, id_map) = (program.clone(), id_map.cloned());
        Ok(Self { path, program, id_map, session: Arc::clone(session) })
    }

    /// The directory. It exists and belongs to the caller.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory inside.
    pub fn subdirectory(&self, name: &str) -> Result<PathBuf, ScratchError> {
        let path = self.path.join(name);
        match fs_err::create_dir_all(&path) {
            Ok(()) => Ok(path),
            Err(error) => {
                let source = explain(error, &path);
                Err(ScratchError { path, source })
            }
        }
    }

    /// Moves the directory to `target`, on the same file system. If there is something already, that stays, and this
    /// one is removed.
    pub(crate) fn keep(self, target: &Path) -> io::Result<()> {
        match rustix::fs::rename(&self.path, target) {
            Ok(()) | Err(rustix::io::Errno::EXIST | rustix::io::Errno::NOTEMPTY) => Ok(()),
            Err(error) => Err(explain(error.into(), target)),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Moved away: no process needs to be started for nothing.
        let is_gone = fs_err::symlink_metadata(&self.path).is_err();
        // What cannot be removed now is removed by who opens the store next.
        if is_gone || ids::remove_tree(&self.program, self.id_map.as_ref(), &self.path).is_ok() {
            let _ = fs_err::remove_file(ids::beside(&self.path));
        }
        let _ = &self.session;
    }
}
