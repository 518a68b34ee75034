//! What is to be sent, and how far that is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use baler_image::{Descriptor, Digest, SinkError};

use super::stream::Growing;

/// A blob that a repository is to have.
pub(super) struct Job {
    /// Which of the destinations.
    pub(super) to: usize,
    pub(super) blob: Descriptor,
}

/// What a worker does.
pub(super) enum Work {
    Send(Job),
    /// Follows a blob that is still written.
    Follow(Arc<Growing>),
}

/// Blobs that wait for a worker.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What a destination has, or gets by a job.
    taken: BTreeSet<(usize, Digest)>,
    waiting: VecDeque<Job>,
    growing: VecDeque<Arc<Growing>>,
    /// How many, for each destination.
    running: BTreeMap<usize, usize>,
    /// The first failure of each destination. After it, nothing is begun there.
    failures: BTreeMap<usize, Failure>,
    is_closed: bool,
}

struct Failure {
    blob: Digest,
    /// Until somebody was told.
    error: Option<SinkError>,
}

/// A destination does not have all blobs.
pub(super) struct Incomplete {
    /// One that it does not have.
    pub(super) blob: Digest,
    /// Why; who asks again is not told.
    pub(super) error: Option<SinkError>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a destination has a blob.
    pub(super) fn note(&self, to: usize, digest: &Digest) {
        self.state().taken.insert((to, digest.clone()));
    }

    /// Whether a destination has a blob, or will have.
    pub(super) fn has(&self, to: usize, digest: &Digest) -> bool {
        self.state().taken.contains(&(to, digest.clone()))
    }

    /// Adds a job, unless its blob is taken care of.
    pub(super) fn add(&self, job: Job) {
        let mut state = self.state();
        let is_new = state.taken.insert((job.to, job.blob.digest.clone()));
        if is_new && !state.failures.contains_key(&job.to) {
            state.waiting.push_back(job);
            self.changed.notify_all();
        }
    }

    /// Has a growing blob sent to the first destination, unless nothing goes there any more.
    pub(super) fn follow(&self, growing: Arc<Growing>) {
        let mut state = self.state();
        if !state.failures.contains_key(&0) {
            state.growing.push_back(growing);
            self.changed.notify_all();
        }
    }

    /// Counts a job as running whose blob is on its way already, unless the destination has that from elsewhere.
    pub(super) fn adopt(&self, job: &Job) -> bool {
        let mut state = self.state();
        let is_wanted = !state.failures.contains_key(&job.to) && state.taken.insert((job.to, job.blob.digest.clone()));
        if is_wanted {
            *state.running.entry(job.to).or_default() += 1;
        }
        is_wanted
    }

    /// The next work; waits for some. `None` once the queue is closed.
    pub(super) fn next(&self) -> Option<Work> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                *state.running.entry(job.to).or_default() += 1;
                return Some(Work::Send(job));
            }
            if let Some(growing) = state.growing.pop_front() {
                return Some(Work::Follow(growing));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A job has ended.
    pub(super) fn done(&self, job: Job, result: Result<(), SinkError>) {
        let mut state = self.state();
        if let Some(running) = state.running.get_mut(&job.to) {
            *running -= 1;
        }
        if let Err(error) = result {
            state.waiting.retain(|waiting| waiting.to != job.to);
            state.failures.entry(job.to).or_insert(Failure { blob: job.blob.digest, error: Some(error) });
        }
        self.changed.notify_all();
    }

    /// Waits until nothing is waiting or running for a destination, and says whether all went well.
    pub(super) fn drain(&self, to: usize) -> Result<(), Incomplete> {
        let mut state = self.state();
        let is_busy = |state: &State| {
            state.running.get(&to).is_some_and(|running| *running > 0) || state.waiting.iter().any(|job| job.to == to)
        };
        while is_busy(&state) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match state.failures.get_mut(&to) {
            None => Ok(()),
            Some(Failure { blob, error }) => Err(Incomplete { blob: blob.clone(), error: error.take() }),
        }
    }

    /// Nothing more is wanted; who waits goes.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }
}
