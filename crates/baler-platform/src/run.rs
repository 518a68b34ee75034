//! `baler run`: an image started in the sandbox.

mod forward;
mod network;
mod ports;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use baler_image::{ImageConfig, ImageName, Platform, Wanted};
use baler_layer::ownership::User;
use baler_sandbox::{
    Command, Executor, Exit, IdMap, Mount, NativeExecutor, Network, Root, SandboxError, Session, Stream,
};
use baler_store::{ScratchError, UnpackError};

use crate::build::{home_directory, host_files};
use crate::context::Context;
use crate::interrupt::{Interrupted, Reaction};
use crate::output::{Level, Step, step};
use crate::places::{Asked, LocateError, Located, Needed, Search, locate};
use crate::variables::Variables;

pub use forward::ListenError;
pub use ports::{InvalidPortForward, PortForward, Reason};

use forward::Listeners;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct RunRequest {
    pub image: ImageName,
    /// A process type instead of the default one.
    pub process: Option<String>,
    /// A program instead of the entry point.
    pub entrypoint: Option<String>,
    pub arguments: Vec<String>,
    pub variables: Variables,
    /// Ports that are forwarded to the application, which then has a network of its own.
    pub ports: Vec<PortForward>,
    /// Standard input is the terminal that the program was started from.
    pub at_terminal: bool,
}

/// Why an image could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    #[error("{0}")]
    Locate(#[from] LocateError),
    #[error("image '{name}' has no process type '{process}'")]
    NoProcess { name: ImageName, process: String, has: Vec<String> },
    #[error("image '{name}' names no program to start")]
    NoProgram { name: ImageName },
    #[error("image '{name}' runs as user '{user}', which its /etc/passwd and /etc/group do not have")]
    UnknownUser { name: ImageName, user: String },
    #[error("could not unpack image '{name}'")]
    Unpack { name: ImageName, source: UnpackError },
    #[error("{0}")]
    Scratch(#[from] ScratchError),
    #[error("{0}")]
    Sandbox(#[from] SandboxError),
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
    #[error("{0}")]
    Listen(#[from] ListenError),
    #[error("could not prepare the network of the application")]
    Network { source: io::Error },
}

/// Starts the image and waits for its end. Signals go to its process.
pub fn run(context: &Context<'_>, request: &RunRequest) -> Result<Exit, RunError> {
    let listeners = Listeners::bind(&request.ports)?;
    let located = locate(
        context,
        &Asked {
            role: "image",
            name: &request.image,
            wanted: &Wanted::Preferably(Platform::host()),
            search: Search::By(context.pull_policy),
            needed: Needed::Layers,
        },
    )?;
    let config = located.image.config().clone();
    let argv = argv(request, &config)?;
    let (prepared, _) = step(context.output, Step::Prepare, || unpack(context, request, &located, &config.config.user));
    let Unpacked { layers, id_map, user } = prepared?;
    let scratch = context.store.scratch_for("run", &id_map)?;
    let own_network = if request.ports.is_empty() { None } else { Some(network::prepare(context, &scratch)?) };
    let network = if own_network.is_some() { Network::None } else { Network::Host };
    let (gate, entrance, files) =
        own_network.map_or((None, None, host_files()), |own| (Some(own.gate), Some(own.entrance), own.files));
    let root = Root {
        scratch: scratch.subdirectory("root")?,
        mounts: files.into_iter().map(|(source, target)| Mount::read_only(source, target)).collect(),
        writable: layers.writable(&User { uid: user.0, gids: vec![user.1] }),
        lower: layers.lower,
    };
    let working_directory = if config.config.working_dir.is_empty() { "/" } else { &config.config.working_dir };
    // Away from a terminal, signals reach the process by us alone.
    let (session, reaction) = if request.at_terminal {
        (Session::Inherit, Reaction::ForwardAtTerminal)
    } else {
        (Session::New, Reaction::Forward)
    };
    let command = Command {
        environment: environment(request, &config, &home_directory(&root.lower, user.0)),
        working_directory: PathBuf::from(working_directory),
        stdin: Stream::Inherit,
        session,
        network,
        gate,
        ..Command::new(argv, user)
    };
    let executor = NativeExecutor::new(context.program.clone(), id_map);
    context.interrupt.check()?;
    for (address, port) in listeners.addresses() {
        context.output.line(Level::Info, &format!("Forwarding {address} to port {port} of the application"));
    }
    let running = executor.start(&root, command)?;
    if let Some(reason) = &running.no_way_out {
        network::warn(context, &format!("pasta failed: {reason}"));
    }
    let _forwarding = entrance
        .map(|entrance| listeners.forward(entrance))
        .transpose()
        .map_err(|source| RunError::Network { source })?;
    let control = running.control();
    Ok(context.interrupt.watch(&control, reaction, || running.wait())?)
}

struct Unpacked {
    layers: baler_store::UnpackedLayers,
    id_map: IdMap,
    user: (u32, u32),
}

/// A user given by name is known only once the layers are unpacked; until then the id map stands on the usual ids.
fn unpack(context: &Context<'_>, request: &RunRequest, located: &Located, user: &str) -> Result<Unpacked, RunError> {
    let layers = |id_map: &IdMap| {
        crate::unpack::unpack(context, located, id_map)
            .map_err(|source| RunError::Unpack { name: request.image.clone(), source })
    };
    if let Some(user) = numeric_user(user) {
        let id_map = IdMap::choose(&context.caller, user, &context.host_ids);
        return Ok(Unpacked { layers: layers(&id_map)?, id_map, user });
    }
    let first = layers(&IdMap::choose(&context.caller, (0, 0), &context.host_ids))?;
    let unknown = || RunError::UnknownUser { name: request.image.clone(), user: user.to_owned() };
    let user = named_user(user, &first.lower).ok_or_else(unknown)?;
    let id_map = IdMap::choose(&context.caller, user, &context.host_ids);
    Ok(Unpacked { layers: layers(&id_map)?, id_map, user })
}

/// `UID`, `UID:GID`, or nothing, which is root. A lone id has the group 0, as engines have it where passwd is silent.
fn numeric_user(user: &str) -> Option<(u32, u32)> {
    match user.split_once(':') {
        Some((uid, gid)) => Some((uid.parse().ok()?, gid.parse().ok()?)),
        None if user.is_empty() => Some((0, 0)),
        None => None,
    }
}

fn named_user(user: &str, lower: &[PathBuf]) -> Option<(u32, u32)> {
    let read = |file: &str| lower.iter().find_map(|layer| fs_err::read_to_string(layer.join(file)).ok());
    let field = |text: &str, key: &str, by: usize, field: usize| -> Option<u32> {
        let row = text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|row| row.get(by) == Some(&key))?;
        row.get(field)?.parse().ok()
    };
    let passwd = read("etc/passwd").unwrap_or_default();
    let (name, group) = user.split_once(':').map_or((user, None), |(name, group)| (name, Some(group)));
    let uid = name.parse().ok().or_else(|| field(&passwd, name, 0, 2))?;
    let gid = match group {
        None => field(&passwd, &uid.to_string(), 2, 3).unwrap_or(0),
        Some(group) => {
            let groups = read("etc/group").unwrap_or_default();
            group.parse().ok().or_else(|| field(&groups, group, 0, 2))?
        }
    };
    Some((uid, gid))
}

fn argv(request: &RunRequest, config: &ImageConfig) -> Result<Vec<String>, RunError> {
    let entrypoint = match (&request.entrypoint, &request.process) {
        (Some(program), _) => vec![program.clone()],
        (None, Some(process)) => vec![process_entry(request, config, process)?],
        (None, None) => config.config.entrypoint.clone().unwrap_or_default(),
    };
    let has_own_entry = request.entrypoint.is_some() || request.process.is_some();
    let image_arguments = if has_own_entry { Vec::new() } else { config.config.cmd.clone().unwrap_or_default() };
    let arguments = if request.arguments.is_empty() { image_arguments } else { request.arguments.clone() };
    let argv: Vec<String> = entrypoint.into_iter().chain(arguments).collect();
    if argv.is_empty() {
        return Err(RunError::NoProgram { name: request.image.clone() });
    }
    Ok(argv)
}

fn process_entry(request: &RunRequest, config: &ImageConfig, process: &str) -> Result<String, RunError> {
    use baler_cnb::labels::{BUILD_METADATA, BuildLabel};
    let label: Option<BuildLabel> = config.label(BUILD_METADATA).and_then(|text| serde_json::from_str(text).ok());
    let has: Vec<String> =
        label.into_iter().flat_map(|label| label.processes).map(|process| process.process_type).collect();
    if !has.iter().any(|has| has == process) {
        let (name, process) = (request.image.clone(), process.to_owned());
        return Err(RunError::NoProcess { name, process, has });
    }
    Ok(format!("/cnb/process/{process}"))
}

fn environment(request: &RunRequest, config: &ImageConfig, home: &str) -> Vec<(OsString, OsString)> {
    let mut environment = vec![("HOME".to_owned(), home.to_owned())];
    let split = |entry: &String| entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let given = request.variables.iter().map(|(name, value)| (name.clone(), value.clone()));
    for (name, value) in config.config.env.iter().filter_map(split).chain(given) {
        environment.retain(|(other, _)| *other != name);
        environment.push((name, value));
    }
    environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        assert_eq!(numeric_user(""), Some((0, 0)));
        assert_eq!(numeric_user("1000:1001"), Some((1000, 1001)));
        assert_eq!(numeric_user("1000"), None);
        let layer = tempfile::tempdir().unwrap();
        fs_err::create_dir(layer.path().join("etc")).unwrap();
        fs_err::write(layer.path().join("etc/passwd"), "web:x:1002:1003::/:/bin/sh\n").unwrap();
        fs_err::write(layer.path().join("etc/group"), "staff:x:50:\n").unwrap();
        let lower = [layer.path().to_owned()];
        assert_eq!(named_user("web", &lower), Some((1002, 1003)));
        assert_eq!(named_user("1002", &lower), Some((1002, 1003)));
        assert_eq!(named_user("web:staff", &lower), Some((1002, 50)));
        assert_eq!(named_user("4711", &lower), Some((4711, 0)));
        assert_eq!(named_user("nobody", &lower), None);
    }
}
