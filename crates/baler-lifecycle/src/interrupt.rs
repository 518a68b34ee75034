//! A signal to the lifecycle ends what the lifecycle has started.
//!
//! Each module's program leads a process group of its own, so that it can be ended together with what it started
//! itself. An [`Interrupt`] knows the groups that run now.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::interruptible::Stop;

/// A handle on what a phase runs; clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    signal: Option<Signal>,
    groups: BTreeSet<i32>,
}

impl Interrupt {
    /// A handle that nobody has triggered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends `signal` to everything that runs, and lets nothing more be started.
    pub fn trigger(&self, signal: Signal) {
        let mut state = self.lock();
        state.signal.get_or_insert(signal);
        for group in state.groups.iter().copied().filter_map(Pid::from_raw) {
            // A group that has just ended is no concern.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Whether something runs.
    pub fn has_running(&self) -> bool {
        !self.lock().groups.is_empty()
    }

    /// The first signal it was triggered with.
    pub fn signal(&self) -> Option<Signal> {
        self.lock().signal
    }

    /// Starts a process group under the lock, so that no signal can fall between start and registration. `None` when
    /// the signal was there before.
    pub(crate) fn start<T, E>(&self, start: impl FnOnce() -> Result<(T, Pid), E>) -> Option<Result<T, E>> {
        let mut state = self.lock();
        if state.signal.is_some() {
            return None;
        }
        Some(start().map(|(started, group)| {
            state.groups.insert(group.as_raw_pid());
            started
        }))
    }

    /// Forgets a group whose leader has ended and is not yet reaped. After a signal the rest of the group is killed.
    pub(crate) fn end(&self, group: Pid) {
        let mut state = self.lock();
        if state.signal.is_some() {
            let _ = kill_process_group(group, Signal::KILL);
        }
        state.groups.remove(&group.as_raw_pid());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stop for Interrupt {
    fn check_stop(&self) -> io::Result<()> {
        if self.signal().is_some() { Err(io::Error::other("interrupted")) } else { Ok(()) }
    }
}
