//! The daemon of `-daemon`.
//!
//! Its socket belongs to root most often, and a phase that root started becomes the build user. So connections are made
//! by a thread that was started before: it stays root, and does nothing else. Buildpacks, which `creator` runs, are
//! children of the build user and have none of it.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use baler_daemon::{Address, Connect, Daemon, DaemonSource, Surroundings, find_address};
use baler_image::Engine;

use super::Context;
use super::failure::{Failure, code};
use crate::cache::LaunchCache;

/// Opens the daemon that the environment names. The launch cache has what need not be exported: layers, and what images
/// say of themselves.
pub(super) fn open(
    context: &Context<'_>,
    launch_cache: Option<&Arc<LaunchCache>>,
) -> Result<Arc<DaemonSource>, Failure> {
    let settings = context.settings;
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Failure::new(code::FAILED, error).to("initialize docker client")
    };
    let variable = |name: &str| {
        let value = settings.environment.get(name).filter(|value| !value.is_empty())?;
        Some(value.to_string_lossy().into_owned())
    };
    let surroundings = Surroundings { variable: &variable, uid: rustix::process::getuid().as_raw() };
    let address = find_address(Engine::Docker, None, &surroundings).map_err(|error| failed(error.into()))?;
    let daemon = match &address {
        Address::Unix(_) if rustix::process::getuid().is_root() => {
            let connect = connect_as_root().map_err(|error| failed(error.into()))?;
            Daemon::open_through(&address, &connect)
        }
        Address::Unix(_) | Address::Tcp { .. } => Daemon::open(&address),
    };
    let daemon = daemon.map_err(|error| failed(error.into()))?;
    let source = DaemonSource::new(Arc::new(daemon), &settings.temporary_directory());
    Ok(Arc::new(match (launch_cache, settings.launch_cache_directory()) {
        (Some(cache), Some(directory)) => {
            source.with_memory(&directory.join("baler/images")).with_copies(Arc::<LaunchCache>::clone(cache))
        }
        (None, _) | (_, None) => source,
    }))
}

type Request = (PathBuf, mpsc::SyncSender<io::Result<UnixStream>>);

/// Starts the thread that connects.
fn connect_as_root() -> io::Result<Connect> {
    let (requests, received) = mpsc::channel::<Request>();
    let answer = move || {
        for (path, reply) in received {
            // Who asked may have gone.
            let _ = reply.send(UnixStream::connect(path));
        }
    };
    std::thread::Builder::new().name("daemon".to_owned()).spawn(answer)?;
    let gone = || io::Error::other("the thread that connects to the daemon has ended");
    Ok(Arc::new(move |path: &Path| {
        let (reply, answer) = mpsc::sync_channel(1);
        requests.send((path.to_owned(), reply)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }))
}
