//! Docker and Podman: a connection is made when it is first needed, and what a daemon exports is kept for the command.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use baler_daemon::{Address, AddressError, Daemon, DaemonError, DaemonSink, DaemonSource, Surroundings, find_address};
use baler_image::Engine;
use baler_store::{Scratch, ScratchError, Store};

/// The directory of the store in which manifests and configs of daemons' images are kept.
const MEMORY: &str = "daemons";

/// Says where a daemon listens.
type FindAddress = Box<dyn Fn(Engine) -> Result<Address, AddressError> + Send + Sync>;

/// All daemons.
pub struct Daemons {
    address: FindAddress,
    /// The one whose images are looked for as those of the local store are.
    local: OnceLock<Engine>,
    opened: Mutex<Vec<(Engine, Arc<Connection>)>>,
}

/// A daemon that answered.
pub struct Connection {
    source: Arc<DaemonSource>,
    /// Where exports and blobs that wait are.
    work: Scratch,
}

/// Why a daemon cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonsError {
    #[error("{0}")]
    Address(#[from] AddressError),
    #[error("{0}")]
    Open(#[from] DaemonError),
    #[error("{0}")]
    Work(#[from] ScratchError),
}

impl Default for Daemons {
    /// Daemons where they are when nobody says otherwise.
    fn default() -> Self {
        Self::new(|engine| find_address(engine, None, &Surroundings { variable: &|_| None, uid: 0 }))
    }
}

impl Daemons {
    /// Daemons at the addresses that `address` finds; it is asked when one is needed.
    pub fn new(address: impl Fn(Engine) -> Result<Address, AddressError> + Send + Sync + 'static) -> Self {
        Self { address: Box::new(address), local: OnceLock::new(), opened: Mutex::default() }
    }

    /// From now on the images of a daemon count as being here: those of Docker, or of Podman where no Docker is at its
    /// usual place. Says which it is.
    pub fn use_as_local(&self, store: &Store) -> Result<Engine, DaemonsError> {
        let engine = match self.connect(Engine::Docker, store) {
            Ok(_) => Engine::Docker,
            Err(error @ DaemonsError::Open(DaemonError::Absent { .. })) => {
                let is_usual = (self.address)(Engine::Docker)? == Self::default().usual_docker()?;
                if !is_usual || self.connect(Engine::Podman, store).is_err() {
                    return Err(error);
                }
                Engine::Podman
            }
            Err(error) => return Err(error),
        };
        Ok(*self.local.get_or_init(|| engine))
    }

    fn usual_docker(&self) -> Result<Address, AddressError> {
        (self.address)(Engine::Docker)
    }

    /// The daemon whose images count as being here.
    pub(crate) fn local(&self) -> Option<Engine> {
        self.local.get().copied()
    }

    /// Connects to a daemon, unless that was done.
    pub fn connect(&self, engine: Engine, store: &Store) -> Result<Arc<Connection>, DaemonsError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connection)) = opened.iter().find(|(known, _)| *known == engine) {
            return Ok(Arc::clone(connection));
        }
        let daemon = Arc::new(Daemon::open(&(self.address)(engine)?)?);
        let work = store.scratch("daemon")?;
        let source = DaemonSource::new(daemon, work.path()).with_memory(&store.root().join(MEMORY));
        let source = Arc::new(source);
        let connection = Arc::new(Connection { source, work });
        opened.push((engine, Arc::clone(&connection)));
        Ok(connection)
    }
}

impl Connection {
    /// Its images.
    pub fn source(&self) -> &Arc<DaemonSource> {
        &self.source
    }

    /// It as a place to write to.
    pub fn sink(&self) -> DaemonSink {
        DaemonSink::new(Arc::clone(&self.source), self.work.path())
    }
}
