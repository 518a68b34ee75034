//! What one process has in work in a store: `tmp/<random>/`.
//!
//! `lock` is held as long as the process lives. `pins` lists what it relies on, one a line: `sha256:…` for a blob or
//! a document with all it refers to, `layer <id map>/<hex>` for an unpacked layer, `cache <name>` for a build cache. All else is work under temporary
//! names. A directory whose lock is free was left behind, and is removed by who opens the store next.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fmt;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use baler_image::Digest;

use crate::disk::explain;
use crate::lock::Lock;
use crate::record::file_name;

const LOCK: &str = "lock";
const PINS: &str = "pins";

/// Something that garbage collection must leave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pin {
    /// A blob; if it is a manifest or an index, with all that it refers to.
    Blob(Digest),
    /// An unpacked layer.
    Layer { key: String, hex: String },
    /// A build cache, by the name of its directory.
    Cache(String),
}

impl fmt::Display for Pin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blob(digest) => write!(formatter, "{digest}"),
            Self::Layer { key, hex } => write!(formatter, "layer {key}/{hex}"),
            Self::Cache(name) => write!(formatter, "cache {name}"),
        }
    }
}

impl Pin {
    fn parse(line: &str) -> Option<Self> {
        match line.split_once(' ') {
            Some(("layer", rest)) => {
                let (key, hex) = rest.split_once('/')?;
                Some(Self::Layer { key: key.to_owned(), hex: hex.to_owned() })
            }
            Some(("cache", name)) => Some(Self::Cache(name.to_owned())),
            Some(_) => None,
            None => line.parse().ok().map(Self::Blob),
        }
    }
}

/// The directory of one process, removed when the last user of it is dropped.
pub(crate) struct Session {
    directory: PathBuf,
    store_lock: PathBuf,
    _lock: Lock,
    pins: Mutex<Pins>,
    /// Blobs that have their names, but may not be on the disk yet.
    unsealed: Mutex<BTreeSet<PathBuf>>,
    /// Whether this process has added a blob to the store.
    has_added: AtomicBool,
    counter: AtomicU64,
}

struct Pins {
    file: fs_err::File,
    known: HashSet<Pin>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Begins a session below `tmp`.
    pub(crate) fn begin(tmp: &Path, store_lock: &Path) -> io::Result<Self> {
        let _guard = Lock::shared(store_lock)?;
        let directory = tempfile::Builder::new().prefix("").rand_bytes(12).tempdir_in(tmp);
        let directory = directory.map_err(|error| explain(error, tmp))?;
        let open = || -> io::Result<_> {
            let lock = Lock::exclusive(&directory.path().join(LOCK))?;
            let pins = directory.path().join(PINS);
            Ok((lock, fs_err::OpenOptions::new().append(true).create_new(true).open(pins)?))
        };
        let (lock, file) = open().map_err(|error| explain(error, tmp))?;
        let directory = directory.keep();
        let pins = Mutex::new(Pins { file, known: HashSet::new() });
        let (counter, unsealed) = (AtomicU64::new(0), Mutex::default());
        let has_added = AtomicBool::new(false);
        Ok(Self { directory, store_lock: store_lock.to_owned(), _lock: lock, pins, unsealed, has_added, counter })
    }

    /// A path in the session's directory that nothing else has; `purpose` is for who looks at the directory.
    pub(crate) fn fresh(&self, purpose: &str) -> PathBuf {
        self.directory.join(format!("{}-{}", file_name(purpose), self.counter.fetch_add(1, Ordering::Relaxed)))
    }

    /// A file that was written in this session: by its time, the file system's clock.
    pub(crate) fn clock(&self) -> PathBuf {
        self.directory.join(PINS)
    }

    /// Pins, then does `act`, with garbage collection kept out from before until after.
    pub(crate) fn pinned<T>(&self, pin: Pin, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let _guard = Lock::shared(&self.store_lock)?;
        self.add_pin(pin)?;
        act()
    }

    /// Pins what `find` finds, with garbage collection kept out from before until after.
    pub(crate) fn pin_found(&self, find: impl FnOnce() -> io::Result<Vec<Pin>>) -> io::Result<()> {
        let _guard = Lock::shared(&self.store_lock)?;
        find()?.into_iter().try_for_each(|pin| self.add_pin(pin))
    }

    fn add_pin(&self, pin: Pin) -> io::Result<()> {
        let mut pins = locked(&self.pins);
        if !pins.known.contains(&pin) {
            let line = format!("{pin}\n");
            pins.file.write_all(line.as_bytes()).map_err(|error| explain(error, &self.directory))?;
            pins.known.insert(pin);
        }
        Ok(())
    }

    /// Notes a blob that has its name, but may not be on the disk.
    pub(crate) fn note_unsealed(&self, blob: PathBuf) {
        self.has_added.store(true, Ordering::Relaxed);
        locked(&self.unsealed).insert(blob);
    }

    /// Whether this process has added a blob to the store.
    pub(crate) fn has_added(&self) -> bool {
        self.has_added.load(Ordering::Relaxed)
    }

    /// Whether this process has written the blob, and not sealed it yet.
    pub(crate) fn has_unsealed(&self, blob: &Path) -> bool {
        locked(&self.unsealed).contains(blob)
    }

    /// Waits until all blobs of this session are on the disk, and makes them read-only, which says so. Done once for an
    /// image and not for each blob, since the kernel has written most of it by then.
    pub(crate) fn seal(&self) -> io::Result<()> {
        let mut unsealed = locked(&self.unsealed);
        while let Some(blob) = unsealed.pop_first() {
            let seal = || {
                let file = fs_err::File::open(&blob)?;
                file.sync_data()?;
                file.set_permissions(Permissions::from_mode(0o444))
            };
            match seal() {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(explain(error, &blob)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Blobs without a name may be in a cache. Those that cannot be sealed are written again when they are needed.
        let _ = self.seal();
        // Work that could not be removed stays as it is, with what says how to remove it, for who opens the store next.
        let is_work =
            |entry: io::Result<fs_err::DirEntry>| entry.map_or(true, |entry| !is_own_file(&entry.file_name()));
        if fs_err::read_dir(&self.directory).is_ok_and(|mut entries| !entries.any(is_work)) {
            let _ = fs_err::remove_dir_all(&self.directory);
        }
    }
}

/// The pins of all sessions below `tmp` that are alive. To be asked with the store's lock held exclusively.
pub(crate) fn living_pins(tmp: &Path) -> io::Result<Vec<Pin>> {
    let mut pins = Vec::new();
    for entry in fs_err::read_dir(tmp)? {
        let directory = entry?.path();
        let Ok(None) = Lock::try_exclusive(&directory.join(LOCK)) else { continue };
        match fs_err::read_to_string(directory.join(PINS)) {
            Ok(text) => pins.extend(text.lines().filter_map(Pin::parse)),
            // A session that has just ended, or has only just begun, needs nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(pins)
}

/// A session that its process left behind, with its lock now held by this process.
pub(crate) struct DeadSession {
    pub(crate) directory: PathBuf,
    _lock: Lock,
}

/// The sessions below `tmp` that were left behind. To be asked with the store's lock held exclusively.
pub(crate) fn dead_sessions(tmp: &Path) -> io::Result<Vec<DeadSession>> {
    let mut dead = Vec::new();
    for entry in fs_err::read_dir(tmp)? {
        let directory = entry?.path();
        match Lock::try_exclusive(&directory.join(LOCK)) {
            Ok(Some(lock)) => dead.push(DeadSession { directory, _lock: lock }),
            Ok(None) => {}
            // Not a session: nothing of ours, or one that is just being removed.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(dead)
}

/// Whether a file in a session's directory is the session's own, and not work.
pub(crate) fn is_own_file(name: &OsStr) -> bool {
    name == LOCK || name == PINS
}
