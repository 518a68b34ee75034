//! The application directory, copied into the workspace of a build.
//!
//! Modes and modification times are kept, links are copied as links and never followed. Sockets, pipes and devices are
//! left out with a warning, as an image cannot hold what they stand for. Owners are left to the export, which knows
//! them from the rules. The copy costs no space where the file system can share blocks.
//!
//! | module | owns |
//! |---|---|
//! | `kept` | the copy of the last build, which only has to be brought up to date |
//! | `mirror`, `tree`, `finish` | a tree made equal to another: its entries, and then its directories |
//! | `entry` | one file or link, made anew |
//! | `verify` | whether a tree is what its record says |
//! | `mark` | that it was, when it was put away |
//! | `record`, `state`, `names` | what a copy was made from, by what the system says of each entry |
//! | `queue` | the threads |
//! | `zip_file` | an application as an archive |

mod entry;
mod finish;
pub(crate) mod fuzzing;
mod kept;
mod mark;
mod mirror;
mod names;
mod queue;
mod record;
mod state;
#[cfg(test)]
mod tests;
mod tree;
mod verify;
mod zip_file;

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

pub(super) use kept::Workspace;
use mirror::Mirror;
use zip_file::ZipFileError;

use crate::project::FileFilter;

/// What was copied and what was not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Copied {
    pub files: u64,
    /// Bytes.
    pub size: u64,
    /// Paths of sockets, pipes and devices, relative to the application.
    pub left_out: Vec<PathBuf>,
}

/// Why the application could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkspaceError {
    #[error("the application directory {} does not exist", path.display())]
    Absent { path: PathBuf },
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not copy {} into the workspace", path.display())]
    Copy { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Zip(#[from] ZipFileError),
}

/// Which parts of a tree are copied.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// A directory that is left out (the store, where it lies inside the application).
    pub without: &'a Path,
    pub filter: &'a FileFilter,
}

impl Default for Selection<'_> {
    fn default() -> Self {
        Self { without: Path::new(""), filter: &FileFilter::All }
    }
}

/// Copies the tree below `source` into the existing directory `target`, which has that and nothing else afterwards.
pub fn copy(source: &Path, target: &Path, selection: &Selection<'_>) -> Result<Copied, WorkspaceError> {
    check(source)?;
    let (owner, root_mode, record, recording) = (None, None, None, None);
    let (untouched, threads) = (false, NonZeroUsize::MIN);
    let mirror = Mirror { source, target, selection, owner, root_mode, record, untouched, recording, threads };
    Ok(mirror.run()?.copied)
}

/// Whether there is a directory.
fn check(source: &Path) -> Result<(), WorkspaceError> {
    match fs_err::metadata(source) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(WorkspaceError::NotADirectory { path: source.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(WorkspaceError::Absent { path: source.to_owned() })
        }
        Err(error) => Err(WorkspaceError::Read { path: source.to_owned(), source: error }),
    }
}
