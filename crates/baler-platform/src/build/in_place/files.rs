//! What would be mounted over the builder, put together in a directory of its own.

use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::versions;
use crate::build::workspace::{self, WorkspaceError};
use crate::modules::{ModuleKind, PlacedModule};

/// Why added buildpacks or the lifecycle are not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModulesError {
    #[error("could not find the {kind}s of this builder")]
    Builder { kind: ModuleKind, source: Box<super::InPlaceError> },
    #[error("could not copy a {kind}")]
    Copy { kind: ModuleKind, source: WorkspaceError },
    #[error("could not make {}", path.display())]
    Make { path: PathBuf, source: io::Error },
}

/// The buildpacks or extensions of the builder, as links, and the added ones, as copies: where those are, the build user
/// may not be able to read them.
pub(in super::super) fn collect_modules(
    kind: ModuleKind,
    added: &[&PlacedModule],
    directory: &Path,
) -> Result<(), ModulesError> {
    let of_builder = Path::new(kind.directory());
    let make =
        |path: &Path, made: io::Result<()>| made.map_err(|source| ModulesError::Make { path: path.to_owned(), source });
    for module in added {
        let target = directory.join(module.target.strip_prefix(of_builder).unwrap_or(&module.target));
        make(&target, fs_err::create_dir_all(&target))?;
        let copied = workspace::copy(&module.source, &target, &workspace::Selection::default());
        copied.map_err(|source| ModulesError::Copy { kind, source })?;
    }
    let versions = versions(of_builder).map_err(|source| ModulesError::Builder { kind, source: Box::new(source) })?;
    for version in versions {
        let target = directory.join(version.strip_prefix(of_builder).unwrap_or(&version));
        // Of equal ones the added one counts.
        if !target.exists() {
            let parent = target.parent().unwrap_or(directory);
            make(parent, fs_err::create_dir_all(parent))?;
            make(&target, symlink(&version, &target))?;
        }
    }
    Ok(())
}

/// Our program under the name of the lifecycle.
pub(in super::super) fn lifecycle(program: &Path, directory: &Path) -> Result<PathBuf, ModulesError> {
    let path = directory.join("lifecycle");
    let made = if can_be_started_by_all(program) {
        symlink(program, &path)
    } else {
        // In a directory of root, say.
        fs_err::copy(program, &path).and_then(|_| fs_err::set_permissions(&path, PermissionsExt::from_mode(0o755)))
    };
    made.map_err(|source| ModulesError::Make { path: path.clone(), source })?;
    Ok(path)
}

fn can_be_started_by_all(program: &Path) -> bool {
    let has =
        |path: &Path, bits| fs_err::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & bits == bits);
    has(program, 0o005) && program.ancestors().skip(1).all(|directory| has(directory, 0o001))
}

/// The home directory that the image has for the build user; one for this build where an unknown user cannot write to it.
pub(in super::super) fn home(of_image: String, is_root: bool, temporary: &Path) -> Result<String, ModulesError> {
    use rustix::fs::{Access, access};
    if is_root || access(of_image.as_str(), Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        return Ok(of_image);
    }
    let home = temporary.join("home");
    fs_err::create_dir(&home).map_err(|source| ModulesError::Make { path: home.clone(), source })?;
    Ok(home.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_only_root_can_reach_is_copied() {
        let work = tempfile::tempdir().unwrap();
        let (hidden, files) = (work.path().join("hidden"), work.path().join("files"));
        fs_err::create_dir(&hidden).unwrap();
        fs_err::create_dir(&files).unwrap();
        fs_err::write(hidden.join("baler"), "program").unwrap();
        let path = lifecycle(&hidden.join("baler"), &files).unwrap();
        // Directories for temporary files have mode 0700.
        assert!(!path.is_symlink());
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(can_be_started_by_all(Path::new("/bin/sh")));
    }

    #[test]
    fn a_home_that_cannot_be_written_is_replaced() {
        let work = tempfile::tempdir().unwrap();
        assert_eq!(home("/absent".into(), true, work.path()).unwrap(), "/absent");
        let made = home("/absent".into(), false, work.path()).unwrap();
        assert!(Path::new(&made).is_dir());
        assert_eq!(home(made.clone(), false, work.path()).unwrap(), made);
    }
}
