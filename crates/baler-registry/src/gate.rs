//! How many requests one registry gets at the same time, answers that are still being read included.
//!
//! A thread that holds a place already never waits for another: whoever reads one blob and sends another goes on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// The places at one registry.
pub(crate) struct Gate {
    taken: Mutex<usize>,
    is_free: Condvar,
    most: usize,
}

thread_local! {
    /// How many places were taken by this thread and are not free again. Whoever holds them may have moved on.
    static HELD: Arc<AtomicUsize> = Arc::default();
}

/// A place; it is free again when this is dropped.
pub(crate) struct Permit {
    gate: Arc<Gate>,
    held: Arc<AtomicUsize>,
}

impl Gate {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::new(0), is_free: Condvar::new(), most: most.max(1) })
    }

    /// Waits for a place.
    pub(crate) fn enter(self: &Arc<Self>) -> Permit {
        let held = HELD.with(Arc::clone);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken >= self.most && held.load(Ordering::SeqCst) == 0 {
            taken = self.is_free.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        held.fetch_add(1, Ordering::SeqCst);
        Permit { gate: Arc::clone(self), held }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.gate.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.held.fetch_sub(1, Ordering::SeqCst);
        self.gate.is_free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_wait_and_the_holder_does_not() {
        let gate = Gate::new(1);
        let first = gate.enter();
        let second = gate.enter();
        let entered = Arc::new(AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                drop(gate.enter());
                entered.store(1, Ordering::SeqCst);
            });
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(entered.load(Ordering::SeqCst), 0);
            drop(first);
            drop(second);
        });
        assert_eq!(entered.load(Ordering::SeqCst), 1);
    }
}
