//! The daemon of `-daemon`.
//!
//! Its socket belongs to root most often, and a phase that root started becomes the build user. So connections are made
//! by a thread that stays root.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use baler_daemon::{Address, Connect, Daemon, DaemonSource, Surroundings, find_address};
use baler_image::Engine;

use super::Context;
use super::failure::{Failure, code};
use super::root_thread::RootThread;
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
    let root = match &address {
        Address::Unix(_) => RootThread::start("daemon").map_err(|error| failed(error.into()))?,
        Address::Tcp { .. } => None,
    };
    let daemon = match root {
        Some(root) => Daemon::open_through(&address, &connect_by(root)),
        None => Daemon::open(&address),
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

fn connect_by(root: RootThread) -> Connect {
    Arc::new(move |path: &Path| {
        let path = path.to_owned();
        root.run(move || UnixStream::connect(path))?
    })
}
