//! What the commands have to say while they work. The command line decides how it looks.

use std::time::Duration;

pub use baler_lifecycle::error_text::chain;
pub use baler_lifecycle::progress::{Activity, Event, Observer, Running, Task};

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warning,
}

/// A part of the work that takes time, shown live and in `--timings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Resolving images and unpacking their layers.
    Prepare,
    Analyze,
    Detect,
    Restore,
    Build,
    Export,
}

impl Step {
    /// The word in the heading `===> ANALYZING`.
    pub fn heading(self) -> Option<&'static str> {
        match self {
            Self::Prepare => None,
            Self::Analyze => Some("ANALYZING"),
            Self::Detect => Some("DETECTING"),
            Self::Restore => Some("RESTORING"),
            Self::Build => Some("BUILDING"),
            Self::Export => Some("EXPORTING"),
        }
    }

    /// The name in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Analyze => "analyze",
            Self::Detect => "detect",
            Self::Restore => "restore",
            Self::Build => "build",
            Self::Export => "export",
        }
    }
}

/// The receiver of all that a command says. Results are returned, never said.
pub trait Output: Observer + Send {
    /// A line of Baler's own.
    fn line(&self, level: Level, text: &str);

    /// Bytes that a buildpack or phase program printed; they go on unchanged.
    fn bytes(&self, bytes: &[u8]);

    /// A step begins.
    fn heading(&self, step: Step) {
        if let Some(heading) = step.heading() {
            self.line(Level::Info, &format!("===> {heading}"));
        }
    }
}

/// Times a step and reports its start and end.
pub(crate) fn step<T, E>(
    output: &dyn Output,
    step: Step,
    work: impl FnOnce() -> Result<T, E>,
) -> (Result<T, E>, Duration) {
    let started = std::time::Instant::now();
    output.heading(step);
    let running = Running::begin(output, Task::new(Activity::Step, step.name()), None);
    let result = running.end(work());
    (result, started.elapsed())
}
