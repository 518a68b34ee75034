//! Work that makes more work, on a few threads.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

struct State<J, E> {
    jobs: Vec<J>,
    running: usize,
    /// How many wait for one.
    idle: usize,
    error: Option<E>,
}

/// Where work puts what it makes.
pub(super) struct Queue<J, E> {
    state: Mutex<State<J, E>>,
    changed: Condvar,
}

impl<J: Send, E: Send> Queue<J, E> {
    pub(super) fn add(&self, job: J) {
        let is_awaited = {
            let mut state = self.lock();
            state.jobs.push(job);
            state.idle > 0
        };
        // Each call asks the system, whether anybody waits or not.
        if is_awaited {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job, once there is one; `None` when all is done, or something failed.
    fn next(&self) -> Option<J> {
        let mut state = self.lock();
        loop {
            if state.error.is_some() {
                return None;
            }
            if let Some(job) = state.jobs.pop() {
                state.running += 1;
                return Some(job);
            }
            if state.running == 0 {
                return None;
            }
            state.idle += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn end(&self) {
        let mut state = self.lock();
        state.running -= 1;
        if state.running == 0 || state.error.is_some() {
            self.changed.notify_all();
        }
    }
}

/// Does `first` and all that comes of it. Results come in any order; the first error ends it.
pub(super) fn run<J: Send, R: Send, E: Send>(
    threads: NonZeroUsize,
    first: J,
    work: impl Fn(J, &Queue<J, E>) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let queue = Queue {
        state: Mutex::new(State { jobs: vec![first], running: 0, idle: 0, error: None }),
        changed: Condvar::new(),
    };
    let worker = || {
        let mut results = Vec::new();
        while let Some(job) = queue.next() {
            // A panic must not leave the others waiting.
            let _guard = Ending(&queue);
            match work(job, &queue) {
                Ok(result) => results.push(result),
                Err(error) => {
                    queue.lock().error.get_or_insert(error);
                }
            }
        }
        results
    };
    let results = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads.get()).map(|_| scope.spawn(worker)).collect();
        let mut results = worker();
        for worker in workers {
            results.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    });
    let error = queue.lock().error.take();
    error.map_or(Ok(results), Err)
}

/// Counts a job as done, however it ends.
struct Ending<'a, J: Send, E: Send>(&'a Queue<J, E>);

impl<J: Send, E: Send> Drop for Ending<'_, J, E> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_done_once_and_an_error_ends_it() {
        for threads in [1, 2, 5] {
            let threads = NonZeroUsize::new(threads).unwrap();
            let count = |depth: u32, queue: &Queue<u32, ()>| {
                (0..depth).for_each(|less| queue.add(less));
                Ok(1)
            };
            assert_eq!(run(threads, 6, count).unwrap().into_iter().sum::<u32>(), 64);
            let fail = |depth: u32, queue: &Queue<u32, u32>| {
                (0..depth).for_each(|less| queue.add(less));
                if depth == 3 { Err(depth) } else { Ok(()) }
            };
            assert_eq!(run(threads, 6, fail), Err(3));
        }
    }
}
