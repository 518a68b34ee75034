//! Runs independent pieces of work on a few threads; results come in the order of the work, whichever was done first.

use std::num::NonZeroUsize;
use std::sync::Mutex;

/// Calls `work` for each item on at most `threads` threads.
pub(crate) fn map<T: Send, R: Send>(threads: NonZeroUsize, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = threads.get().min(items.len());
    if threads <= 1 {
        return items.into_iter().map(work).collect();
    }
    let count = items.len();
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().expect("taking from the queue cannot panic").next();
    let mut results: Vec<Option<R>> = std::iter::repeat_with(|| None).take(count).collect();
    std::thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            while let Some((index, item)) = next() {
                done.push((index, work(item)));
            }
            done
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            let done = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            for (index, result) in done {
                results[index] = Some(result);
            }
        }
    });
    results.into_iter().map(|result| result.expect("every item was worked on")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order() {
        for threads in [1, 2, 5] {
            let results = map(NonZeroUsize::new(threads).unwrap(), (0..50).collect(), |item: u32| item * 2);
            assert_eq!(results, (0..50).map(|item| item * 2).collect::<Vec<_>>());
        }
        assert!(map(NonZeroUsize::MIN, Vec::<u8>::new(), |item| item).is_empty());
    }
}
