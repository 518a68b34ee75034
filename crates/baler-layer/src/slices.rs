//! An application divided into slices (spec: "Slice Layers"; reference: "Slices").
//!
//! Each slice takes what its patterns match and earlier slices left; directories above are repeated until all in them is
//! taken; the last layer has the rest. Entries are sorted by the whole path, which is another order than a walk has
//! where `a-b` and `a/…` meet.

use std::io::Write;
use std::path::PathBuf;

use crate::directory::DirectoryLayer;
use crate::tar::TarError;

/// Patterns of one slice, relative to the application directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    pub paths: Vec<String>,
}

/// One of the layers that an application is divided into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceLayer {
    directory: DirectoryLayer,
    /// Relative to the root; the empty path is the root. Sorted by the path in the image.
    entries: Vec<PathBuf>,
}

/// Divides `directory`: one layer per slice and one with the rest, so `slices.len() + 1` of them; some may be empty.
pub fn plan_slices(directory: &DirectoryLayer, slices: &[Slice]) -> Result<Vec<SliceLayer>, TarError> {
    todo!()
}

impl SliceLayer {
    /// Whether the layer has no entries; it is written all the same.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Paths relative to the application directory, in the order they are written.
    pub fn entries(&self) -> &[PathBuf] {
        &self.entries
    }

    /// Writes the whole layer as a tar, with its end mark.
    pub fn write(&self, output: &mut dyn Write) -> Result<(), TarError> {
        todo!()
    }
}
