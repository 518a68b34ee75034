//! Keeps when each task began and ended, for `--timings`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use baler_platform::output::{Event, Task};

/// A task that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) task: Task,
    /// Since the program began.
    pub(crate) start: Duration,
    pub(crate) taken: Duration,
    /// How much was done, where the task tells.
    pub(crate) bytes: Option<u64>,
    pub(crate) succeeded: bool,
}

/// Takes events and makes spans of them.
#[derive(Debug)]
pub(crate) struct Recorder {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<Task, Open>,
    spans: Vec<Span>,
}

/// A task that runs.
#[derive(Debug)]
struct Open {
    start: Duration,
    total: Option<u64>,
    done: u64,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), state: Mutex::default() }
    }

    pub(crate) fn event(&self, event: &Event) {
        let now = self.began.elapsed();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { task, total } => {
                state.open.insert(task.clone(), Open { start: now, total: *total, done: 0 });
            }
            Event::Advanced { task, bytes } => {
                if let Some(open) = state.open.get_mut(task) {
                    open.done += bytes;
                }
            }
            Event::Finished { task, taken, succeeded } => {
                let unknown = Open { start: now.saturating_sub(*taken), total: None, done: 0 };
                let Open { start, total, done } = state.open.remove(task).unwrap_or(unknown);
                let bytes = total.or((done > 0).then_some(done));
                let span = Span { task: task.clone(), start, taken: *taken, bytes, succeeded: *succeeded };
                state.spans.push(span);
            }
        }
    }

    /// What has ended so far, in the order of the beginnings, and how long the program runs.
    pub(crate) fn spans(&self) -> (Vec<Span>, Duration) {
        let mut spans = self.state.lock().unwrap_or_else(PoisonError::into_inner).spans.clone();
        spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.taken)));
        (spans, self.began.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use baler_platform::output::Activity;

    use super::*;

    #[test]
    fn spans_are_in_the_order_of_their_beginnings() {
        let recorder = Recorder::new();
        let (outer, inner) = (Task::new(Activity::Step, "build"), Task::new(Activity::Build, "a@1"));
        let finished = |task: &Task| Event::Finished { task: task.clone(), taken: Duration::ZERO, succeeded: true };
        recorder.event(&Event::Started { task: outer.clone(), total: None });
        recorder.event(&Event::Started { task: inner.clone(), total: Some(7) });
        recorder.event(&finished(&inner));
        recorder.event(&finished(&outer));
        let (spans, _) = recorder.spans();
        assert_eq!(spans.iter().map(|span| &*span.task.name).collect::<Vec<_>>(), ["build", "a@1"]);
        assert_eq!(spans[1].bytes, Some(7));
    }
}
