//! Operations of the program itself, run as root of a user namespace: making and removing trees of mapped ids.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::MemfdFlags;

use crate::wire::{self, Failure, OperationRequest, Report, Request};
use crate::{
    IdMap, IdMapMode, OperationError, RemoveError, SandboxError, SandboxProgram, refusal, remove, remove_tree,
};

/// Operations that every program has.
pub(crate) const BUILT_IN: &[Operation] =
    &[Operation { name: REMOVE_TREE, run: remove_named }, Operation { name: EMPTY_DIRECTORY, run: empty_current }];

const REMOVE_TREE: &str = "remove-tree";
const EMPTY_DIRECTORY: &str = "empty-directory";

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
    let started = |source| OperationError::Start { name: call.name.clone(), source: Box::new(source) };
    let lost = |source| started(SandboxError::Helper { source });
    let (socket, theirs) = UnixStream::pair().map_err(lost)?;
    // A file, so that nobody has to read it meanwhile.
    let messages =
        rustix::fs::memfd_create("standard-error", MemfdFlags::CLOEXEC).map_err(|error| lost(error.into()))?;
    let mut messages = File::from(messages);
    let mut child = program.start(theirs, messages.try_clone().map_err(lost)?.into()).map_err(started)?;
    let request = OperationRequest {
        id_map: id_map.clone(),
        name: call.name.clone(),
        directory: call.directory.as_path().into(),
        arguments: call.arguments.iter().map(Into::into).collect(),
    };
    let descriptors: Vec<BorrowedFd<'_>> = call.input.iter().map(|input| input.as_fd()).collect();
    // If it fails, the helper has ended: what became of it says more.
    let _ = wire::send_request(&socket, &descriptors, &Request::Operation(request));
    let report = wire::receive_message::<Report>(&socket);
    let status = child.wait().map_err(lost)?;
    match report.map_err(lost)? {
        Some(Report::Done) => Ok(()),
        Some(Report::Failed(failure)) => Err(failed(call.name, failure)),
        Some(Report::Started | Report::Exited(_) | Report::Signaled(_) | Report::NoWayOut(_)) | None => {
            Err(OperationError::Ended { name: call.name, status, standard_error: text_of(&mut messages) })
        }
    }
}

fn failed(name: String, failure: Failure) -> OperationError {
    match failure {
        Failure::Operation { message } => OperationError::Failed { name, message },
        Failure::UnknownOperation => OperationError::Unknown { name },
        other @ (Failure::Namespaces { .. }
        | Failure::MapSubIds { .. }
        | Failure::Setup { .. }
        | Failure::Execute { .. }) => {
            OperationError::Start { name, source: Box::new(refusal::error_of(other, OsString::new())) }
        }
    }
}

fn text_of(file: &mut File) -> String {
    let mut bytes = Vec::new();
    // Only a message; what cannot be read is left out.
    let _ = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// Removes a tree whose files belong to ids of `id_map`, with whatever rights that needs. Nothing there is no error.
pub fn remove_owned_tree(program: &SandboxProgram, id_map: &IdMap, path: &Path) -> Result<(), OperationError> {
    let error = match remove_tree(path) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if needs_ids(id_map, &error) => {
            let directory = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            run_with_ids(program, id_map, built_in(REMOVE_TREE, directory, vec![name.to_owned()]))
        }
        (Some(_) | None, Some(_) | None) => Err(error.into()),
    }
}

/// Empties the scratch directory of a command that was killed together with its caller; the directory stays.
pub fn clean_scratch(program: &SandboxProgram, id_map: &IdMap, scratch: &Path) -> Result<(), OperationError> {
    match remove::empty_directory(scratch) {
        Ok(()) => Ok(()),
        Err(error) if needs_ids(id_map, &error) => {
            run_with_ids(program, id_map, built_in(EMPTY_DIRECTORY, scratch, Vec::new()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether root of the namespace may do what the caller may not. Starting a process for it takes some milliseconds, so
/// it comes second; often there is nothing of other ids.
fn needs_ids(id_map: &IdMap, error: &RemoveError) -> bool {
    match id_map.mode() {
        IdMapMode::SubIds => error.source.kind() == std::io::ErrorKind::PermissionDenied,
        // All of it is the caller's, or the caller is root.
        IdMapMode::Single | IdMapMode::Root => false,
    }
}

fn built_in(name: &str, directory: &Path, arguments: Vec<OsString>) -> OperationCall {
    OperationCall { name: name.to_owned(), directory: directory.to_owned(), arguments, input: None }
}

fn remove_named(_input: File, arguments: &[OsString]) -> Result<(), String> {
    arguments.iter().try_for_each(|path| remove_tree(Path::new(path)).map_err(described))
}

fn empty_current(_input: File, _arguments: &[OsString]) -> Result<(), String> {
    remove::empty_directory(Path::new(".")).map_err(described)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn described(error: RemoveError) -> String {
    format!("{error}: {}", error.source)
}
