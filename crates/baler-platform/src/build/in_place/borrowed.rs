//! The directories of the builder that a build in place works in: they must be empty, and are so again when it ends.
//!
//! `/layers` and the application's directory have the paths that images have, so that what buildpacks write of paths is
//! true at run time. Everything else is in a directory for temporary files. One build at a time: the lock is that of
//! `/layers`, and what a killed build left is removed by who gets it next.

use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use baler_lifecycle::mounted::{BuildUser, MountedDirectory};
use baler_sandbox::remove_tree;
use rustix::fs::{AtFlags, CWD, Gid, Mode, Uid};

use super::super::request::BuildRequest;
use super::InPlaceError;
use crate::context::Context;
use crate::output::Level;

const LAYERS: &str = "/layers";
/// What images have, whatever the builder's directories have.
const LAYERS_MODE: u32 = 0o755;
const WORKSPACE_MODE: u32 = 0o777;
/// In the directory for temporary files: the paths that a build works in, each with a zero behind it.
const RECORD: &str = "borrowed";

/// What a build in place holds. Dropping it leaves the directories empty, as they were.
pub(in super::super) struct Borrowed {
    pub(in super::super) layers: MountedDirectory,
    pub(in super::super) workspace: MountedDirectory,
    /// For everything that would be mounted into a sandbox. The build user can search it.
    pub(in super::super) temporary: PathBuf,
    /// Last, so that it is held until all is clean.
    _lock: fs_err::File,
}

impl Borrowed {
    /// Waits until no other build works in `/layers`, and takes it and the application's directory.
    pub(in super::super) fn take(
        context: &Context<'_>,
        request: &BuildRequest,
        user: BuildUser,
    ) -> Result<Self, InPlaceError> {
        let workspace = Path::new("/").join(request.workspace.as_str());
        let paths = [PathBuf::from(LAYERS), workspace.clone()];
        refuse_overlap(&request.application, &paths)?;
        paths.iter().try_for_each(|path| make_if_missing(path, context.caller.uid))?;
        let lock = lock(context)?;
        let base = context.variable("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        let temporary = base.join(format!("baler-in-place-{}", context.caller.uid));
        clean_up_after_killed(&temporary, context.caller.uid)?;
        for path in &paths {
            if !is_empty(path)? {
                return Err(InPlaceError::NotEmpty { path: path.clone() });
            }
        }
        make_temporary(&temporary, &paths, user)?;
        // From here on dropping cleans up.
        let borrowed = Self {
            layers: MountedDirectory::borrowed(LAYERS, LAYERS_MODE),
            workspace: MountedDirectory::borrowed(workspace, WORKSPACE_MODE),
            temporary,
            _lock: lock,
        };
        paths.iter().try_for_each(|path| try_to_write(path, context.caller.uid))?;
        Ok(borrowed)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next build, or named by it.
        let is_clean = [&self.layers, &self.workspace].iter().all(|directory| empty(&directory.host).is_ok());
        if is_clean {
            let _ = remove_tree(&self.temporary);
        }
    }
}

/// The application would be removed with what the build leaves, or contain its own copy.
fn refuse_overlap(application: &Path, paths: &[PathBuf]) -> Result<(), InPlaceError> {
    // What does not exist is reported when it is copied.
    let Ok(application) = fs_err::canonicalize(application) else { return Ok(()) };
    if paths.iter().any(|path| application.starts_with(path) || path.starts_with(&application)) {
        return Err(InPlaceError::Overlap { path: application });
    }
    Ok(())
}

fn make_if_missing(path: &Path, uid: u32) -> Result<(), InPlaceError> {
    match fs_err::create_dir(path) {
        Err(source) if !path.is_dir() => Err(InPlaceError::NotWritable { path: path.to_owned(), uid, source }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Root may write anywhere but on a read-only disk; for others owners and modes decide.
fn try_to_write(path: &Path, uid: u32) -> Result<(), InPlaceError> {
    let trial = path.join(".baler-trial");
    let tried = fs_err::create_dir(&trial).and_then(|()| fs_err::remove_dir(&trial));
    tried.map_err(|source| InPlaceError::NotWritable { path: path.to_owned(), uid, source })
}

/// Asked for again and again, so that the user can end the wait.
fn lock(context: &Context<'_>) -> Result<fs_err::File, InPlaceError> {
    let failed = |source| InPlaceError::Lock { path: LAYERS.into(), source };
    let directory = fs_err::File::open(LAYERS).map_err(failed)?;
    let mut has_told = false;
    loop {
        match directory.try_lock() {
            Ok(()) => return Ok(directory),
            Err(std::fs::TryLockError::WouldBlock) => {}
            Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        if !has_told {
            context.output.line(Level::Info, "Waiting for another build in this container to end");
            has_told = true;
        }
        context.interrupt.check()?;
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Empties the directories that a build of this user worked in when it was killed.
fn clean_up_after_killed(temporary: &Path, uid: u32) -> Result<(), InPlaceError> {
    let Ok(metadata) = fs_err::symlink_metadata(temporary) else { return Ok(()) };
    if !metadata.is_dir() || metadata.uid() != uid {
        let source = io::ErrorKind::AlreadyExists.into();
        return Err(InPlaceError::Make { path: temporary.to_owned(), source });
    }
    let clean = |path: &Path| empty(path).map_err(|source| InPlaceError::Clean { path: path.to_owned(), source });
    let record = fs_err::read(temporary.join(RECORD)).unwrap_or_default();
    for path in record.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        clean(&PathBuf::from(std::ffi::OsString::from_vec(path.to_vec())))?;
    }
    remove_tree(temporary).map_err(|error| InPlaceError::Clean { path: error.path, source: error.source })
}

fn make_temporary(temporary: &Path, paths: &[PathBuf], user: BuildUser) -> Result<(), InPlaceError> {
    let failed = |source| InPlaceError::Make { path: temporary.to_owned(), source };
    std::fs::DirBuilder::new().mode(0o700).create(temporary).map_err(failed)?;
    if let Some(owner) = user.host {
        // It holds the variables of the build: they are for its user, and for nobody else.
        rustix::fs::chownat(CWD, temporary, Some(Uid::ROOT), Some(Gid::from_raw(owner.gid)), AtFlags::SYMLINK_NOFOLLOW)
            .and_then(|()| rustix::fs::chmod(temporary, Mode::from_raw_mode(0o750)))
            .map_err(|errno| failed(errno.into()))?;
    }
    let record: Vec<u8> = paths.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
    fs_err::write(temporary.join(RECORD), record).map_err(failed)
}

fn is_empty(path: &Path) -> Result<bool, InPlaceError> {
    let mut entries = fs_err::read_dir(path).map_err(|source| InPlaceError::Read { path: path.to_owned(), source })?;
    Ok(entries.next().is_none())
}

fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(directory)? {
        remove_tree(&entry?.path()).map_err(|error| error.source)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_that_is_borrowed_is_refused() {
        let work = tempfile::tempdir().unwrap();
        let inner = work.path().join("inner");
        fs_err::create_dir(&inner).unwrap();
        for (application, path) in [(work.path(), &inner), (&inner, &work.path().to_owned()), (&inner, &inner)] {
            let refused = refuse_overlap(application, std::slice::from_ref(path));
            assert!(matches!(refused, Err(InPlaceError::Overlap { .. })), "{}", application.display());
        }
        refuse_overlap(&inner, &[work.path().join("other")]).unwrap();
    }

    #[test]
    fn what_a_killed_build_left_is_removed() {
        use std::os::unix::fs::PermissionsExt;
        let work = tempfile::tempdir().unwrap();
        let (temporary, layers) = (work.path().join("temporary"), work.path().join("layers"));
        let uid = rustix::process::geteuid().as_raw();
        clean_up_after_killed(&temporary, uid).unwrap();
        let owner = baler_lifecycle::mounted::Owner::new(1000, 1000);
        make_temporary(&temporary, std::slice::from_ref(&layers), BuildUser { image: owner, host: None }).unwrap();
        fs_err::create_dir_all(layers.join("a/fixed")).unwrap();
        fs_err::write(layers.join("a/fixed/file"), "x").unwrap();
        fs_err::set_permissions(layers.join("a/fixed"), PermissionsExt::from_mode(0o555)).unwrap();
        clean_up_after_killed(&temporary, uid).unwrap();
        assert!(is_empty(&layers).unwrap() && !temporary.exists());
        // Nothing of ours.
        std::os::unix::fs::symlink(&layers, &temporary).unwrap();
        assert!(matches!(clean_up_after_killed(&temporary, uid), Err(InPlaceError::Make { .. })));
    }
}
