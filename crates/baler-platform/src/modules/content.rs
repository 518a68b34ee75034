//! Where the files of a module are.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Layer, ModuleKind};

/// Where the files of a module are.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A directory of the host, used where it is.
    Directory(PathBuf),
    /// A layer whose blob is in the store. It may hold other modules besides.
    Layer(Layer),
}

/// Whether a directory can be used where it is: its programs can be executed, as they could in an image.
pub fn is_as_in_an_image(kind: ModuleKind, directory: &Path) -> bool {
    kind.programs().iter().all(|name| {
        let program = directory.join("bin").join(name);
        fs_err::metadata(program).map_or(true, |metadata| metadata.permissions().mode() & 0o111 == 0o111)
    })
}
