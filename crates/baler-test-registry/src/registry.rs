//! The handle of a registry that runs.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use baler_image::Digest;
use tokio::sync::oneshot;

use crate::log::Request;
use crate::options::{Options, Storage as Kept};
use crate::protocol::store_manifest;
use crate::rules::Rule;
use crate::server;
use crate::service::{State, Tell};
use crate::storage::Storage;

/// A registry that runs on a thread of its own until it is dropped.
pub struct TestRegistry {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a registry does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error("could not listen at {address}")]
    Listen { address: String, source: io::Error },
    #[error("could not use the directory {}", path.display())]
    Directory { path: std::path::PathBuf, source: io::Error },
    #[error("the directory {} is used by another registry that is running", path.display())]
    InUse { path: std::path::PathBuf },
    #[error("could not use the certificate")]
    Tls { source: Box<dyn std::error::Error + Send + Sync> },
    #[error("could not start a thread")]
    Thread { source: io::Error },
}

impl TestRegistry {
    /// Starts; when it returns, the registry takes connections.
    pub fn start(options: Options) -> Result<Self, StartError> {
        Self::start_telling(options, None)
    }

    /// Starts, and tells of each request when its answer begins.
    pub fn start_telling(options: Options, tell: Option<Tell>) -> Result<Self, StartError> {
        let storage = match &options.storage {
            Kept::Memory => Storage::in_memory(),
            Kept::Directory(path) => {
                let storage = Storage::in_directory(path);
                let storage = storage.map_err(|source| StartError::Directory { path: path.clone(), source })?;
                storage.ok_or_else(|| StartError::InUse { path: path.clone() })?
            }
        };
        let listen = |source| StartError::Listen { address: options.listen.clone(), source };
        let listener = TcpListener::bind(&options.listen).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let storage_listener = options.has_storage_host.then(|| TcpListener::bind((address.ip(), 0))).transpose();
        let storage_listener = storage_listener.map_err(listen)?;
        if let Some(listener) = &storage_listener {
            listener.set_nonblocking(true).map_err(listen)?;
        }
        let storage_host = storage_listener.as_ref().map(TcpListener::local_addr).transpose().map_err(listen)?;
        let acceptor = options.tls.as_ref().map(server::acceptor).transpose();
        let acceptor = acceptor.map_err(|source| StartError::Tls { source })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|source| StartError::Thread { source })?;
        let state = Arc::new(State::new(options, storage, tell, storage_host));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        let run = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                if let Some(listener) = storage_listener {
                    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                    tokio::spawn(server::accept(listener, acceptor.clone(), Arc::clone(&shared), true));
                }
                tokio::select! {
                    () = server::accept(listener, acceptor, shared, false) => {}
                    _ = stopped => {}
                }
            });
            // Connections end with it.
            drop(runtime);
        };
        let thread = std::thread::Builder::new().name("registry".to_owned()).spawn(run);
        let thread = Some(thread.map_err(|source| StartError::Thread { source })?);
        Ok(Self { address, state, stop: Some(stop), thread })
    }

    /// Host and port, as they stand in the names of images.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Host and port of the storage host, where there is one.
    pub fn storage_host(&self) -> Option<String> {
        self.state.storage_host.map(|address| address.to_string())
    }

    /// What is to go wrong from now on. The first rule that fits is the one.
    pub fn rule(&self, rule: Rule) {
        self.state.rules().push(rule);
    }

    /// Nothing more goes wrong.
    pub fn clear_rules(&self) {
        self.state.rules().clear();
    }

    /// All requests so far, in the order in which they came.
    pub fn log(&self) -> Vec<Request> {
        self.state.log().clone()
    }

    /// Method and path of all requests so far.
    pub fn lines(&self) -> Vec<String> {
        self.state.log().iter().map(Request::line).collect()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.state.log().clear();
    }

    /// The most requests that ever were answered at the same time.
    pub fn peak(&self) -> usize {
        self.state.peak()
    }

    /// How many uploads were begun and not ended.
    pub fn uploads(&self) -> usize {
        self.state.storage().uploads()
    }

    /// Forgets all uploads that are on their way.
    pub fn forget_uploads(&self) {
        self.state.storage().forget_uploads();
    }

    /// The repositories.
    pub fn repositories(&self) -> Vec<String> {
        self.state.storage().index.repositories.keys().cloned().collect()
    }

    /// The tags of a repository.
    pub fn tags(&self, name: &str) -> Vec<String> {
        self.state.storage().repository(name).map(|own| own.tags.keys().cloned().collect()).unwrap_or_default()
    }

    /// Puts a blob into a repository.
    pub fn put_blob(&self, name: &str, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        self.put_blob_as(name, &digest, bytes)?;
        Ok(digest)
    }

    /// Puts a blob into a repository under a digest, which may be a wrong one.
    pub fn put_blob_as(&self, name: &str, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let mut storage = self.state.storage();
        storage.put(digest, bytes.to_vec().into())?;
        storage.repository_mut(name).blobs.insert(digest.clone());
        storage.save()
    }

    /// Puts a manifest or index into a repository without looking into it.
    pub fn put_manifest(&self, name: &str, tag: Option<&str>, media_type: &str, bytes: &[u8]) -> io::Result<Digest> {
        store_manifest(&mut self.state.storage(), name, tag, media_type, bytes.to_vec().into())
    }

    /// A blob of a repository.
    pub fn blob(&self, name: &str, digest: &Digest) -> Option<Vec<u8>> {
        self.state.storage().blob(name, digest)?.bytes().ok().map(Vec::from)
    }

    /// A manifest or index by tag or digest.
    pub fn manifest(&self, name: &str, reference: &str) -> Option<Vec<u8>> {
        self.state.storage().manifest(name, reference)?.2.bytes().ok().map(Vec::from)
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A thread that has ended by itself does not listen.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
