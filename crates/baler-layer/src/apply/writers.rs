//! Threads that fill small files. A file is made by whoever reads the layer, in its order; what is left to do about it goes
//! by its handle, so that it does not matter what the layer does to its name meanwhile.
//!
//! What waits is bounded, and so are memory and open files: where all threads are busy, the reader fills the file itself.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use super::place::failed;
use super::{ApplyError, Owners, attributes};
use crate::tar::Entry;

/// What is larger is written while it is read.
pub(super) const MAXIMUM_SIZE: u64 = 512 * 1024;
const MAXIMUM_THREADS: usize = 4;
/// How many files wait.
const WAITING: usize = 8;

/// A file that was made, and what is to become of it.
pub(super) struct Job {
    pub(super) file: File,
    /// Where it is, relative to the target.
    pub(super) path: PathBuf,
    pub(super) entry: Entry,
    pub(super) content: Vec<u8>,
}

impl Job {
    /// Gives the file its content and attributes, and says how many attributes were left out.
    fn perform(&mut self, owners: Owners) -> Result<u64, ApplyError> {
        let written = self.file.write_all(&self.content);
        written.map_err(|source| ApplyError::Entry { operation: "write file", path: self.path.clone(), source })?;
        let fail = |error| failed("write file", &self.path, error);
        let file = self.file.as_fd();
        let skipped = attributes::set_extended(file, &self.entry, owners).map_err(fail)?;
        attributes::set(file, &self.entry, owners).map_err(fail)?;
        Ok(skipped)
    }
}

/// What has come of the files so far.
#[derive(Default)]
struct Outcome {
    skipped_attributes: u64,
    /// The first one in the order of the layer.
    error: Option<(u64, ApplyError)>,
}

impl Outcome {
    fn note(&mut self, number: u64, result: Result<u64, ApplyError>) {
        match result {
            Ok(skipped) => self.skipped_attributes += skipped,
            Err(error) if self.error.as_ref().is_none_or(|(first, _)| number < *first) => {
                self.error = Some((number, error));
            }
            Err(_) => {}
        }
    }
}

/// What the reader and the threads share.
struct Shared {
    owners: Owners,
    outcome: Mutex<Outcome>,
    give_back: Mutex<Sender<Vec<u8>>>,
}

impl Shared {
    fn perform(&self, (number, mut job): (u64, Job)) {
        let result = job.perform(self.owners);
        locked(&self.outcome).note(number, result);
        job.content.clear();
        // The other end lives as long as the layer is read.
        let _ = locked(&self.give_back).send(job.content);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The threads, as the reader sees them.
pub(super) struct Writers<'scope> {
    shared: Arc<Shared>,
    threads: Vec<ScopedJoinHandle<'scope, ()>>,
    /// None without threads.
    jobs: Option<SyncSender<(u64, Job)>>,
    next: u64,
    used: Receiver<Vec<u8>>,
}

impl<'scope> Writers<'scope> {
    /// Starts the threads; with one processor there are none.
    pub(super) fn start(scope: &'scope Scope<'scope, '_>, threads: usize, owners: Owners) -> Result<Self, ApplyError> {
        let (give_back, used) = channel();
        let shared = Arc::new(Shared { owners, outcome: Mutex::default(), give_back: Mutex::new(give_back) });
        let mut writers = Self { shared, threads: Vec::new(), jobs: None, next: 0, used };
        if threads < 2 {
            return Ok(writers);
        }
        let (jobs, waiting) = sync_channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads.min(MAXIMUM_THREADS) {
            let (waiting, shared) = (Arc::clone(&waiting), Arc::clone(&writers.shared));
            let work = move || work(&waiting, &shared);
            let thread = std::thread::Builder::new().name("files".to_owned()).spawn_scoped(scope, work);
            writers.threads.push(thread.map_err(|source| ApplyError::Thread { source })?);
        }
        writers.jobs = Some(jobs);
        Ok(writers)
    }

    /// An empty buffer, for the content of the next file.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.used.try_recv().unwrap_or_default()
    }

    /// Fills a file, now or soon.
    pub(super) fn write(&mut self, job: Job) {
        let numbered = (self.next, job);
        self.next += 1;
        let left = match &self.jobs {
            Some(jobs) => match jobs.try_send(numbered) {
                Ok(()) => None,
                Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Some(job),
            },
            None => Some(numbered),
        };
        if let Some(job) = left {
            self.shared.perform(job);
        }
    }

    /// Whether a file could not be filled, so that reading on is for nothing.
    pub(super) fn have_failed(&self) -> bool {
        locked(&self.shared.outcome).error.is_some()
    }

    /// Waits until all files are filled, and says how many attributes were left out.
    pub(super) fn finish(self) -> Result<u64, ApplyError> {
        drop(self.jobs);
        for thread in self.threads {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        let outcome = std::mem::take(&mut *locked(&self.shared.outcome));
        outcome.error.map_or(Ok(outcome.skipped_attributes), |(_, error)| Err(error))
    }
}

fn work(waiting: &Mutex<Receiver<(u64, Job)>>, shared: &Shared) {
    loop {
        // A statement of its own: the lock is not held while the file is filled.
        let next = locked(waiting).recv();
        let Ok(job) = next else { return };
        shared.perform(job);
    }
}
