//! Unpacking as root of a user namespace, in a process of its own.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use baler_image::Digest;
use baler_layer::apply::{ApplyOptions, Owners, apply};
use baler_sandbox::Operation;
use serde::{Deserialize, Serialize};

use super::layer::write_owners;
use crate::disk::{explain, is_disk_full};

/// The layer's content, in its directory.
pub(super) const TREE: &str = "tree";
/// What its headers said about owners, beside it. It is written last: a layer that has it is complete.
pub(super) const OWNERS: &str = "owners";

/// Unpacks the layer that it is given as input into `tree`; to be among the operations that the program passes to
/// [`baler_sandbox::dispatch`]. The one argument is the diffID that the layer must have.
pub const UNPACK_OPERATION: Operation = Operation { name: "unpack-layer", run };

/// What the caller is told; it goes to another process as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) text: String,
    pub(super) is_disk_full: bool,
}

fn run(input: File, arguments: &[OsString]) -> Result<(), String> {
    let diff_id = arguments.first().and_then(|argument| argument.to_str()).ok_or("the diffID is missing")?;
    let diff_id: Digest = diff_id.parse().map_err(|error| failure(&error))?;
    unpack(input, diff_id).map_err(|error| failure(&*error))
}

fn failure(error: &(dyn Error + 'static)) -> String {
    let failure = Failure { text: chain(error), is_disk_full: is_disk_full(error) };
    serde_json::to_string(&failure).unwrap_or(failure.text)
}

fn unpack(input: File, diff_id: Digest) -> Result<(), Box<dyn Error>> {
    let tree = Path::new(TREE);
    fs_err::create_dir(tree).map_err(|error| explain(error, tree))?;
    readable_for_all(tree)?;
    let options = ApplyOptions { expected_diff_id: Some(diff_id), ..ApplyOptions::new(Owners::Keep) };
    let applied = apply(input, tree, &options)?;
    write_owners(Path::new(OWNERS), &applied.writable)?;
    // The caller must be able to read what belongs to a mapped id.
    fs_err::set_permissions(OWNERS, Permissions::from_mode(0o644))?;
    Ok(())
}

/// The root directory is `/` of the image, whatever the caller's umask is. A layer that has an entry for it goes before.
pub(super) fn readable_for_all(tree: &Path) -> io::Result<()> {
    fs_err::set_permissions(tree, Permissions::from_mode(0o755))
}

/// An error with its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
