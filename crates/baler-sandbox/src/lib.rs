//! Runs one command in a root file system: namespaces, id maps, overlay mounts, no root needed.
//!
//! This crate knows directories, never images. A [`Root`] is a stack of directories and mounts, a [`Command`] says
//! what to run in it, an [`IdMap`] says which ids of the host stand behind the ids inside, and an [`Executor`] runs
//! it. [`NativeExecutor`] does so with user, mount, pid, ipc, uts and (on request) network namespaces, and with the
//! kernel's overlayfs. [`InPlaceExecutor`] has none of these, for containers in which none can be made.
//!
//! The process that creates the namespaces must have one thread, so this program starts itself again: the first thing
//! a `main` that uses this crate does is
//!
//! ```no_run
//! # fn main() -> std::process::ExitCode {
//! if let Some(code) = baler_sandbox::dispatch(&[]) {
//!     return code;
//! }
//! # std::process::ExitCode::SUCCESS
//! # }
//! ```
//!
//! Trees whose files belong to mapped ids are made and removed by [`run_with_ids`], which runs an [`Operation`] of the
//! program itself as root of such a namespace; [`remove_owned_tree`] and [`clean_scratch`] are built on it.
//!
//! Nothing survives the caller: a [`Running`] that is dropped, or whose process is killed, takes everything inside
//! with it.

mod command;
mod descendants;
mod error;
mod executor;
mod gate;
mod helper;
mod helper_process;
mod id_map;
mod in_place;
mod native;
mod operation;
mod program;
mod refusal;
mod remove;
mod root;
mod sys;
mod wire;

pub use command::{Command, Exit, FurtherDescriptor, Network, Session, Stream};
pub use error::{ExecFailure, OperationError, Refusal, RemoveError, SandboxError, Step};
pub use executor::{Control, Executor, Process, Running, Streams};
pub use gate::{Entrance, Gate, NAME_SERVER};
pub use id_map::{Extent, HostIds, IdMap, IdMapMode, IdRange, Identity, Mappers, ReadIdsError};
pub use in_place::InPlaceExecutor;
pub use native::{KernelCalls, NativeExecutor};
pub use operation::{Operation, OperationCall, clean_scratch, remove_owned_tree, run_with_ids};
pub use program::{SandboxProgram, dispatch};
pub use remove::remove_tree;
pub use root::{Mount, Root, WritablePaths};
pub use rustix::process::Signal;

/// Marks every descriptor above standard error of this process so that no program executed from here on gets it.
pub fn close_descriptors_on_exec() -> std::io::Result<()> {
    Ok(sys::close_all_on_exec()?)
}
