//! What is to be sent, and how far that is.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use baler_image::{Descriptor, Digest, SinkError};

/// A blob that a repository is to have.
pub(super) struct Job {
    /// Which of the destinations.
    pub(super) to: usize,
    pub(super) blob: Descriptor,
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
    running: usize,
    /// The first failure. After it, nothing is begun.
    failure: Option<SinkError>,
    has_failed: bool,
    is_closed: bool,
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
        if state.taken.insert((job.to, job.blob.digest.clone())) {
            state.waiting.push_back(job);
            self.changed.notify_all();
        }
    }

    /// The next job; waits for one. `None` once the queue is closed.
    pub(super) fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                state.running += 1;
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A job has ended.
    pub(super) fn done(&self, result: Result<(), SinkError>) {
        let mut state = self.state();
        state.running -= 1;
        if let Err(error) = result {
            state.waiting.clear();
            if !state.has_failed {
                (state.has_failed, state.failure) = (true, Some(error));
            }
        }
        self.changed.notify_all();
    }

    /// Waits until nothing is waiting or running, and says whether all went well.
    pub(super) fn drain(&self) -> Result<(), SinkError> {
        let mut state = self.state();
        while !state.waiting.is_empty() || state.running > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.failure.take().map_or(Ok(()), Err)
    }

    /// The first failure, if nobody was told of it yet.
    pub(super) fn failure(&self) -> Result<(), SinkError> {
        self.state().failure.take().map_or(Ok(()), Err)
    }

    /// Nothing more is wanted; who waits goes.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }
}
