//! What is being done right now, as events: for live lines, for timings, for programs that watch a build.
//!
//! A task has a beginning and an end, and at any time is the only one of its activity and name. A phase in a sandbox
//! sends its events, one line of JSON each, through the descriptor that the variable [`DESCRIPTOR_VARIABLE`] names.

use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Names the descriptor that a phase program writes its events to. What is not ours to be started never sees it.
pub const DESCRIPTOR_VARIABLE: &str = "BALER_EVENTS_DESCRIPTOR";

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// A part of the command; its name is the step's.
    Step,
    /// A module's `bin/detect`.
    Detect,
    /// An extension's `bin/generate`.
    Generate,
    /// A buildpack's `bin/build`.
    Build,
    /// A cached layer becomes a directory again.
    Restore,
    /// A layer is read, compressed and stored or sent.
    Pack,
    /// A blob comes from a registry.
    Pull,
    /// A blob goes to a registry.
    Push,
    /// A blob goes from one place to another on this machine.
    Copy,
    /// A layer of an image becomes a directory.
    Unpack,
}

impl Activity {
    /// The word in listings and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Detect => "detect",
            Self::Generate => "generate",
            Self::Build => "build",
            Self::Restore => "restore",
            Self::Pack => "pack",
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Copy => "copy",
            Self::Unpack => "unpack",
        }
    }
}

/// One thing that is being done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Task {
    pub activity: Activity,
    /// The module, the layer, or the short digest.
    pub name: String,
}

impl Task {
    pub fn new(activity: Activity, name: impl Into<String>) -> Self {
        Self { activity, name: name.into() }
    }
}

/// Something that happened to a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    Started {
        task: Task,
        /// In bytes, where it is known.
        total: Option<u64>,
    },
    /// So many bytes more are done.
    Advanced {
        task: Task,
        bytes: u64,
    },
    Finished {
        task: Task,
        taken: Duration,
        succeeded: bool,
    },
}

/// Takes events, from any thread.
pub trait Observer: Sync {
    fn event(&self, event: &Event);
}

/// A task that runs. Dropped without [`Running::done`], it has failed.
pub struct Running<'a> {
    observer: &'a dyn Observer,
    task: Task,
    started: Instant,
    succeeded: bool,
    /// Bytes that nobody was told of: a word for every few kilobytes would cost more than the work.
    untold: AtomicU64,
}

/// So many bytes are worth a word.
const WORTH_TELLING: u64 = 1 << 20;

impl<'a> Running<'a> {
    /// Tells that `task` begins; `total` is its size in bytes, where it is known.
    pub fn begin(observer: &'a dyn Observer, task: Task, total: Option<u64>) -> Self {
        observer.event(&Event::Started { task: task.clone(), total });
        Self { observer, task, started: Instant::now(), succeeded: false, untold: AtomicU64::new(0) }
    }

    /// Tells that so many bytes more are done.
    pub fn advance(&self, bytes: u64) {
        if self.untold.fetch_add(bytes, Ordering::Relaxed) + bytes >= WORTH_TELLING {
            self.tell();
        }
    }

    fn tell(&self) {
        let bytes = self.untold.swap(0, Ordering::Relaxed);
        if bytes > 0 {
            self.observer.event(&Event::Advanced { task: self.task.clone(), bytes });
        }
    }

    /// The task has done what it should.
    pub fn done(mut self) -> Duration {
        self.succeeded = true;
        self.started.elapsed()
    }

    /// Ends the task: it has succeeded if `result` is.
    pub fn end<T, E>(mut self, result: Result<T, E>) -> Result<T, E> {
        self.succeeded = result.is_ok();
        result
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.tell();
        let (task, taken) = (self.task.clone(), self.started.elapsed());
        self.observer.event(&Event::Finished { task, taken, succeeded: self.succeeded });
    }
}

/// Sends events to the program that started this one.
#[derive(Debug)]
pub struct EventWriter(pub File);

impl EventWriter {
    /// Sends one line. That nobody listens is no reason to stop a build.
    pub fn send(&self, event: &Event) {
        if let Ok(mut line) = serde_json::to_vec(event) {
            line.push(b'\n');
            let _ = (&self.0).write_all(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<Event>>);

    impl Observer for Kept {
        fn event(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    #[test]
    fn a_task_ends_once_and_says_how() {
        let kept = Kept::default();
        let task = Task::new(Activity::Build, "a@1");
        let running = Running::begin(&kept, task.clone(), Some(3));
        running.advance(3);
        running.done();
        drop(Running::begin(&kept, task.clone(), None));
        let _ = Running::begin(&kept, task.clone(), None).end(Err::<(), _>("broken"));
        let events = kept.0.into_inner().unwrap();
        assert_eq!(events[0], Event::Started { task: task.clone(), total: Some(3) });
        assert_eq!(events[1], Event::Advanced { task, bytes: 3 });
        let ends: Vec<bool> = events
            .iter()
            .filter_map(|event| match event {
                Event::Finished { succeeded, .. } => Some(*succeeded),
                Event::Started { .. } | Event::Advanced { .. } => None,
            })
            .collect();
        assert_eq!(ends, [true, false, false]);
    }

    #[test]
    fn an_event_survives_the_way_as_a_line() {
        let task = Task::new(Activity::Detect, "näme\n");
        let event = Event::Finished { task, taken: Duration::from_millis(3), succeeded: true };
        let line = serde_json::to_string(&event).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }
}
