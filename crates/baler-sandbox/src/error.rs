//! What can go wrong, as values: which step, on what, and the kernel's answer.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A command could not be started or waited for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The system gives this user no namespaces; [`Refusal::remedy`] says what allows them.
    #[error("this system does not let the user make namespaces: {refusal}")]
    NoNamespaces { refusal: Refusal, source: io::Error },
    /// The user or group of the command is not mapped.
    #[error("user {uid} and group {gid} do not exist in the sandbox: the id map does not have them")]
    UserNotMapped { uid: u32, gid: u32 },
    /// Without namespaces there are no directories to stack, no mounts and no network of one's own.
    #[error("a command that runs in place has the file system and the network of its surroundings, and no other")]
    NothingOfItsOwn,
    /// `newuidmap` or `newgidmap` failed.
    #[error("{} refused to map the sub-ids: {message}", program.display())]
    MapSubIds { program: PathBuf, message: String },
    /// A step of the set-up failed.
    #[error("could not {step}{}", on(path.as_ref()))]
    Setup { step: Step, path: Option<PathBuf>, source: io::Error },
    /// The program could not be executed.
    #[error("could not execute {}: {failure}", program.display())]
    Execute { program: OsString, failure: ExecFailure, source: io::Error },
    /// The helper could not be started.
    #[error("could not start the sandbox helper {}", program.display())]
    StartHelper { program: PathBuf, source: io::Error },
    /// The connection to the helper failed.
    #[error("lost the sandbox helper")]
    Helper { source: io::Error },
    /// The helper ended without saying how the command did: it was killed.
    #[error("the sandbox helper ended unexpectedly ({status})")]
    HelperEnded { status: std::process::ExitStatus },
}

/// An operation with mapped ids failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// It could not be started.
    #[error("could not start the operation '{name}' with mapped ids")]
    Start { name: String, source: Box<SandboxError> },
    /// It ran and failed; the message is its own.
    #[error("{message}")]
    Failed { name: String, message: String },
    /// It is not among the program's operations.
    #[error("the program has no operation '{name}'")]
    Unknown { name: String },
    /// It ended without an answer, after writing this to standard error.
    #[error("the operation '{name}' ended unexpectedly ({status}): {standard_error}")]
    Ended { name: String, status: std::process::ExitStatus, standard_error: String },
    /// A tree could not be removed.
    #[error(transparent)]
    Remove(#[from] RemoveError),
}

/// A tree could not be removed.
#[derive(Debug, thiserror::Error)]
#[error("could not remove {}", path.display())]
pub struct RemoveError {
    /// What resisted.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Why there are no namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `user.max_user_namespaces` is 0, or that many exist.
    #[error("the limit user.max_user_namespaces is reached")]
    Limit,
    /// `kernel.unprivileged_userns_clone` is 0.
    #[error("kernel.unprivileged_userns_clone is 0")]
    UnprivilegedClone,
    /// `kernel.apparmor_restrict_unprivileged_userns` is 1.
    #[error("kernel.apparmor_restrict_unprivileged_userns is 1")]
    AppArmor,
    /// A seccomp filter or security module forbids it, as in most containers.
    #[error("a seccomp filter or a security module forbids it")]
    Filter,
}

impl Refusal {
    /// What a person can do.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Limit => "run `sudo sysctl -w user.max_user_namespaces=15000`",
            Self::UnprivilegedClone => "run `sudo sysctl -w kernel.unprivileged_userns_clone=1`",
            Self::AppArmor => {
                "load the profile packaging/apparmor/baler, or run `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
            }
            Self::Filter => {
                "in a container, start it with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined`"
            }
        }
    }
}

/// Why a program could not be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ExecFailure {
    /// It does not exist.
    #[error("it does not exist")]
    NotFound,
    /// It exists, but its interpreter (the `#!` line) or dynamic loader does not.
    #[error("its interpreter or dynamic loader does not exist")]
    InterpreterMissing,
    /// It is no executable file for this user.
    #[error("it is not executable")]
    NotExecutable,
    /// It is no program of a format that this machine executes, or a script without `#!`.
    #[error("it is no program that this machine can execute")]
    WrongFormat,
    /// The arguments and the environment are too long.
    #[error("the arguments and the environment are too long")]
    TooLong,
    /// Something else: see the source.
    #[error("the system refused")]
    Other,
}

/// A step of the set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Step {
    #[error("prepare the scratch directory")]
    PrepareScratch,
    #[error("open the directory")]
    OpenDirectory,
    #[error("create the namespaces")]
    CreateNamespaces,
    #[error("write the id map")]
    WriteIdMap,
    #[error("take the ids of the sandbox")]
    TakeIds,
    #[error("set the host name")]
    SetHostName,
    #[error("bring up the loopback interface")]
    BringUpLoopback,
    #[error("separate the mounts from the host's")]
    MakePrivate,
    #[error("find the source of a mount:")]
    OpenMountSource,
    #[error("mount the stack of directories (the scratch directory must not be on overlayfs)")]
    MountOverlay,
    #[error("make the mount point")]
    MakeMountPoint,
    #[error("mount")]
    Mount,
    #[error("mount /proc (in a container the host's /proc must not be masked)")]
    MountProc,
    #[error("set up /dev:")]
    SetUpDevices,
    #[error("hide what tells of the machine:")]
    HidePaths,
    #[error("make the root file system read-only:")]
    ProtectRoot,
    #[error("enter the root file system")]
    EnterRoot,
    #[error("create the command's process")]
    Fork,
    #[error("connect the command's streams")]
    ConnectStreams,
    #[error("give up all privileges")]
    DropPrivileges,
    #[error("install the filter of system calls (the kernel needs CONFIG_SECCOMP_FILTER)")]
    FilterCalls,
    #[error("take the command's user")]
    TakeUser,
    #[error("enter the working directory")]
    EnterWorkingDirectory,
    #[error("watch the command")]
    Watch,
    #[error("clean the scratch directory")]
    CleanScratch,
}

fn on(path: Option<&PathBuf>) -> String {
    path.map(|path| format!(" {}", path.display())).unwrap_or_default()
}
