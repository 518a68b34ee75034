//! A directory of a layer, taken out of the layer's blob.
//!
//! The blob is unpacked beside the target, inside of which every name stays, verified while it is read, and the wanted
//! directory is then renamed to its place: what is there is whole.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use baler_image::{Digest, SourceError, read_again};
use baler_layer::apply::{ApplyError, ApplyOptions, Owners, apply};
use baler_layer::move_tree::{MoveTreeError, move_tree};

use crate::files::{FileError, remove_tree};
use crate::mounted::Owner;

/// What is to be taken out of a layer.
pub struct Extraction<'a> {
    /// The diffID that the layer must have.
    pub diff_id: &'a Digest,
    /// The wanted directory, as the layer names it: `/layers/<buildpack>/<layer>`.
    pub path_in_image: &'a Path,
    /// Where it is to be. Its parent exists; it does not, or is empty.
    pub target: &'a Path,
    /// A directory on the same file system for unpacking.
    pub scratch: &'a Path,
    /// Who is to own it, where that is not the caller.
    pub owner: Option<Owner>,
}

/// Why a directory could not be taken out of a layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    #[error("could not make a directory for unpacking in {}", path.display())]
    Scratch { path: PathBuf, source: io::Error },
    #[error("could not unpack layer {diff_id}")]
    Apply { diff_id: Digest, source: ApplyError },
    #[error("could not read layer {diff_id}")]
    Damaged { diff_id: Digest, source: SourceError },
    #[error("layer {diff_id} has no directory {}", path.display())]
    Absent { diff_id: Digest, path: PathBuf },
    #[error("could not put an unpacked layer in its place")]
    Move { source: MoveTreeError },
    #[error("could not remove what is left of unpacking")]
    Remove { source: FileError },
}

impl ExtractError {
    /// Whether the layer that was read is at fault: neither this machine, nor the way on which it came.
    pub fn is_of_layer(&self) -> bool {
        match self {
            // What the way damages was asked for again, and comes right in the end.
            Self::Absent { .. } | Self::Damaged { .. } => true,
            Self::Apply { source, .. } => is_of_layer(source),
            Self::Scratch { .. } | Self::Move { .. } | Self::Remove { .. } => false,
        }
    }
}

fn is_of_layer(error: &ApplyError) -> bool {
    match error {
        ApplyError::Read { source } => match source.get_ref().and_then(|inner| inner.downcast_ref::<SourceError>()) {
            Some(error) => error.is_damage_on_the_way(),
            None => matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput),
        },
        ApplyError::Malformed { .. }
        | ApplyError::BadName { .. }
        | ApplyError::BadHardLink { .. }
        | ApplyError::TooManyEntries { .. }
        | ApplyError::TooManyBytes { .. }
        | ApplyError::OtherDiffId { .. } => true,
        _ => false,
    }
}

/// Takes the directory out of the layer that `open` opens, which is read again where a registry damaged it on its way. The
/// outer error is that of `open`.
pub fn extract_from<O>(
    open: impl Fn() -> Result<Box<dyn Read + Send>, O>,
    extraction: &Extraction<'_>,
) -> Result<Result<(), ExtractError>, O> {
    let damaged = |source| ExtractError::Damaged { diff_id: extraction.diff_id.clone(), source };
    read_again(open, |reader| extract(reader, extraction), damaged)
}

/// Takes the directory out of the layer that `reader` gives.
pub fn extract(reader: impl Read + Send, extraction: &Extraction<'_>) -> Result<(), ExtractError> {
    let &Extraction { diff_id, path_in_image, target, scratch, owner } = extraction;
    let directory = tempfile::Builder::new()
        .prefix(".baler-unpack-")
        .tempdir_in(scratch)
        .map_err(|source| ExtractError::Scratch { path: scratch.to_owned(), source })?
        .keep();
    let result = unpack(reader, diff_id, &directory, owner).and_then(|()| {
        let wanted = below(&directory, path_in_image);
        if !wanted.is_dir() {
            return Err(ExtractError::Absent { diff_id: diff_id.clone(), path: path_in_image.to_owned() });
        }
        move_tree(&wanted, target).map_err(|source| ExtractError::Move { source })
    });
    // The rest may hold directories without write permission.
    let removed = remove_tree(&directory).map_err(|source| ExtractError::Remove { source });
    result.and(removed)
}

fn unpack(
    reader: impl Read + Send,
    diff_id: &Digest,
    directory: &Path,
    owner: Option<Owner>,
) -> Result<(), ExtractError> {
    let options = ApplyOptions { expected_diff_id: Some(diff_id.clone()), ..ApplyOptions::new(Owners::Restore(owner)) };
    apply(reader, directory, &options)
        .map(drop)
        .map_err(|source| ExtractError::Apply { diff_id: diff_id.clone(), source })
}

/// `path`, which is absolute, below `directory`.
fn below(directory: &Path, path: &Path) -> PathBuf {
    let names = path.components().filter(|component| matches!(component, Component::Normal(_)));
    directory.join(names.collect::<PathBuf>())
}
