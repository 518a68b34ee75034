//! Operations of the program itself, run as root of a user namespace: making and removing trees of mapped ids.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::{IdMap, OperationError, SandboxProgram};

/// Something that the program can do as root of a user namespace. It runs in a process of its own, with one thread.
#[derive(Clone, Copy)]
pub struct Operation {
    /// What [`OperationCall::name`] must be.
    pub name: &'static str,
    /// What is run. `input` is [`OperationCall::input`], or `/dev/null`; the working directory is
    /// [`OperationCall::directory`]. The text of an error reaches the caller in [`OperationError::Failed`].
    pub run: fn(input: File, arguments: &[OsString]) -> Result<(), String>,
}

/// A call of an [`Operation`].
#[derive(Debug)]
pub struct OperationCall {
    /// The operation's name.
    pub name: String,
    /// The working directory of the operation, entered with the caller's rights. Paths should be relative to it:
    /// a mapped id often cannot search the directories above. If the program runs as root
    /// ([`IdMapMode::Root`](crate::IdMapMode)), the directory must belong to the mapped root, or be writable for all.
    pub directory: PathBuf,
    /// Handed to the operation.
    pub arguments: Vec<OsString>,
    /// Handed to the operation.
    pub input: Option<File>,
}

/// Runs an operation as user 0 and group 0 of a user namespace with this map, with all capabilities over it.
///
/// With a map of one id ([`IdMapMode::Single`](crate::IdMapMode)) there is no namespace: the operation runs as the
/// caller, who owns everything. The operation ends when the caller does.
pub fn run_with_ids(program: &SandboxProgram, id_map: &IdMap, call: OperationCall) -> Result<(), OperationError> {
    let _ = (program, id_map, call);
    todo!()
}

/// Removes a tree whose files belong to ids of `id_map`, with whatever rights that needs. Nothing there is no error.
pub fn remove_owned_tree(program: &SandboxProgram, id_map: &IdMap, path: &Path) -> Result<(), OperationError> {
    let _ = (program, id_map, path);
    todo!()
}

/// Empties the scratch directory of a command that was killed together with its caller; the directory stays.
pub fn clean_scratch(program: &SandboxProgram, id_map: &IdMap, scratch: &Path) -> Result<(), OperationError> {
    let _ = (program, id_map, scratch);
    todo!()
}
