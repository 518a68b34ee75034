//! What errors mean to the person at the terminal: exit codes, details, hints. Decided by type, never by text.

mod download;
mod registry;

use baler_daemon::DaemonError;
use baler_image::{InvalidReference, Place, ResolveError};
use baler_lifecycle::export::ExportError;
use baler_platform::build::{BuildOrderError, ExtensionError, InPlaceError, PhaseError};
use baler_platform::images::RemoveError;
use baler_platform::interrupt::Interrupted;
use baler_platform::modules::InvalidLocator;
use baler_platform::places::LocateError;
use baler_platform::run::{ListenError, RunError};
use baler_platform::{Kept, NotPublished};
use baler_sandbox::SandboxError;
use baler_store::{DiskFull, OpenError};

use crate::commands::config::SetElsewhere;

/// No builder was named; as in pack, the code is 2.
#[derive(Debug, thiserror::Error)]
#[error("no builder was named")]
pub(crate) struct NoBuilder {
    /// The builders of the store.
    pub(crate) has: Vec<String>,
}

/// The exit code.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    let is = |found: bool, code| found.then_some(code);
    let is_instruction = matches!(find(error), Some(ExtensionError::Instruction(_)));
    is(find::<NoBuilder>(error).is_some(), 2)
        .or(is(is_instruction, 102))
        .or(is(find::<Interrupted>(error).is_some(), 130))
        .unwrap_or(1)
}

fn find<T: std::error::Error + 'static>(error: &anyhow::Error) -> Option<&T> {
    error.chain().find_map(|cause| {
        // What is inside of an I/O error is not among its causes: the chain goes on with the causes of that.
        let inside = || cause.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<T>();
        cause.downcast_ref::<T>().or_else(inside)
    })
}

/// What pack says, word for word and in one line, where scripts depend on it.
pub(crate) fn as_pack(error: &anyhow::Error) -> Option<String> {
    if let Some(invalid) = error.downcast_ref::<InvalidReference>() {
        return Some(invalid.to_string());
    }
    let Some(LocateError::Absent { name, looked }) = find(error) else { return None };
    let is_in_registry = looked.iter().any(|looked| matches!(looked.place, Place::Registry(_)));
    let place = if is_in_registry { "in registry" } else { "on the daemon: not found" };
    Some(format!("image '{name}' does not exist {place}"))
}

/// Facts that do not fit into the message.
pub(crate) fn details(error: &anyhow::Error) -> Vec<String> {
    let mut details = Vec::new();
    if let Some(ResolveError::NoPlatform { has, index_digest, .. }) = find(error) {
        let list = has.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        details.push(if has.is_empty() { "it has no image at all".to_owned() } else { format!("it is for: {list}") });
        details.extend(index_digest.iter().map(|digest| format!("index digest {digest}")));
    }
    if let Some(BuildOrderError::NotFound { source, has }) = find(error)
        && matches!(source, InvalidLocator::Nothing { .. } | InvalidLocator::NotInBuilder { .. })
    {
        details.push(format!("the builder has: {}", has.join(", ")));
    }
    if let Some(InvalidReference { reason, .. }) = find(error) {
        details.push((*reason).to_owned());
    }
    if let Some(RunError::NoProcess { has, .. }) = find(error) {
        details.push(format!("it has: {}", has.join(", ")));
    }
    if let Some(NotPublished { digest, kept, .. }) = find(error) {
        details.push(format!("the image {digest} is finished, and the local store keeps it"));
        details.extend(kept.iter().map(|kept| format!("not published: {}", kept.refused)));
    }
    details.extend(registry::details(error));
    details
}

/// What the person can do next.
pub(crate) fn hints(error: &anyhow::Error) -> Vec<String> {
    let mut hints = Vec::new();
    if let Some(LocateError::Absent { looked, .. }) = find(error)
        && looked.iter().all(|looked| looked.place == Place::Store)
    {
        hints.push("`baler images` lists what is there; `baler load DIR` loads an OCI layout".to_owned());
    }
    if let Some(ResolveError::NoPlatform { has, .. }) = find(error)
        && !has.is_empty()
    {
        hints.push("choose another image, or build for a platform it has with --platform".to_owned());
    }
    if let Some(ResolveError::Disagreement { source, .. }) = find(error) {
        hints.push(format!(
            "who publishes it must mend the index or the image; for {}, name it by its digest",
            source.stated
        ));
    }
    if let Some(NoBuilder { has }) = find(error) {
        hints.push(match &has[..] {
            [] => "make one with `baler builder create`, and name it with --builder".to_owned(),
            has => format!("name one with --builder; the local store has: {}", has.join(", ")),
        });
    }
    if find::<SetElsewhere>(error).is_some() {
        hints.push("take it out of that file, or set another value here, which goes before it".to_owned());
    }
    if let Some(InvalidLocator::Community { .. }) = find(error) {
        hints.push(
            "name the package's image, as docker://REGISTRY/NAME:TAG or with a tag, or a directory or file as ./NAME"
                .to_owned(),
        );
    }
    if let Some(SandboxError::NoNamespaces { refusal, .. }) = find(error) {
        hints.push(refusal.remedy().to_owned());
    }
    hints.extend(find(error).and_then(daemon_hint).map(str::to_owned));
    hints.extend(find(error).and_then(in_place_hint).map(str::to_owned));
    if let Some(PhaseError::Failed { code, .. }) = find(error) {
        hints.extend(lifecycle_hint(*code).map(str::to_owned));
    }
    if let Some(ExportError::NoSuchProcess { .. }) = find(error) {
        hints.push("the buildpacks gave the image no process of this type: see --default-process".to_owned());
    }
    if let Some(ListenError { source, .. }) = find(error) {
        hints.extend(listen_hint(source.kind()).map(str::to_owned));
    }
    if let Some(RemoveError::NotFound(_)) = find(error) {
        hints.push("`baler images` lists what is there".to_owned());
    }
    hints.extend(registry::hints(error));
    hints.extend(download::hints(error));
    if let Some(NotPublished { kept, .. }) = find(error) {
        hints.extend(kept.iter().map(push_hint));
    }
    hints.extend(find(error).and_then(store_hint));
    if let Some(full) = find::<DiskFull>(error) {
        let holder = full.path.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(&full.path);
        hints.push(format!(
            "make room on the disk of {}: `baler prune --keep-size SIZE` removes what was not used for longest, `baler prune --all` everything",
            holder.display()
        ));
    }
    hints
}

/// How an image that is kept gets to where it was to go.
fn push_hint(Kept { name, refused, insecure }: &Kept) -> String {
    let target = if name == refused { String::new() } else { format!(" {refused}") };
    let insecure = insecure.as_ref().map(|host| format!(" --insecure-registry {host}")).unwrap_or_default();
    format!("nothing need be built again: `baler push {name}{target}{insecure}` sends it")
}

fn daemon_hint(error: &DaemonError) -> Option<&'static str> {
    match error {
        DaemonError::Absent { .. } => {
            Some("start Docker or Podman, or name one with DOCKER_HOST; without one, images live in the local store")
        }
        DaemonError::NotAllowed { .. } => Some(
            "who is in the group `docker` may use Docker (and is root by that); a rootless Docker or Podman needs no group",
        ),
        DaemonError::NotADaemon { .. } => {
            Some("see whether DOCKER_HOST or the context of Docker names the right address")
        }
        DaemonError::TooOld { .. } => Some("`baler save IMAGE | docker load` works with any Docker"),
        _ => None,
    }
}

fn listen_hint(kind: std::io::ErrorKind) -> Option<&'static str> {
    match kind {
        std::io::ErrorKind::AddrInUse => Some("another program listens there: take another port, as in -p 9000:8080"),
        std::io::ErrorKind::PermissionDenied => {
            Some("ordinary users get no ports below 1024: take another one, as in -p 8080:80")
        }
        std::io::ErrorKind::AddrNotAvailable => Some("this machine has no such address"),
        _ => None,
    }
}

fn store_hint(error: &OpenError) -> Option<String> {
    let other = "use another store with BALER_HOME";
    match error {
        OpenError::Newer { .. } => Some(format!("a newer baler made it: use that one, or {other}")),
        OpenError::ReadOnly { .. } => Some(format!("make it writable for you, or {other}")),
        OpenError::WrongOwner { owner, root, .. } => Some(format!(
            "start baler as user {owner}, give it back with `chown -R {owner} {}`, or {other}",
            root.display()
        )),
        OpenError::WritableByOthers { root, .. } => Some(format!("run `chmod go-w {}`", root.display())),
        OpenError::NotAStore { .. } => {
            Some("name an empty directory, or one that is not there, with BALER_HOME".to_owned())
        }
        OpenError::Make { .. } | OpenError::Read { .. } => Some(format!("see to it that it can be used, or {other}")),
        _ => None,
    }
}

fn in_place_hint(error: &InPlaceError) -> Option<&'static str> {
    match error {
        InPlaceError::NoBuilder { .. } => {
            Some("start the container from a builder image, or build in a sandbox: `baler doctor` says what that needs")
        }
        InPlaceError::NotWritable { .. } => Some(
            "start the container as root or as the builder's own user, or mount a directory there that this user can write, such as a tmpfs",
        ),
        InPlaceError::NotEmpty { .. } => Some("empty it, or name another directory with --workspace"),
        InPlaceError::Overlap { .. } => {
            Some("keep the application elsewhere, or name another directory with --workspace")
        }
        _ => None,
    }
}

/// The codes of lifecycle-behaviour 2.2.
fn lifecycle_hint(code: i32) -> Option<&'static str> {
    match code {
        20 => Some("no buildpack of the builder takes this application: is --path the right directory?"),
        21 => Some("a buildpack failed while it looked at the application: its output is above"),
        51 => Some("a buildpack failed: its output is above"),
        91 => Some("an extension failed: its output is above"),
        92 => Some("what an extension generated cannot be used: the reason is above"),
        12 => Some("a buildpack is for a Buildpack API that this lifecycle does not have"),
        _ => None,
    }
}
