//! What the commands have to say while they work. The command line decides how it looks.

use std::time::Duration;

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

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A step begins.
    Started(Step),
    /// A step ended.
    Finished(Step, Duration),
    /// A layer is being unpacked; bytes of the compressed blob.
    Unpacking { name: &'a str, done: u64, total: u64 },
}

/// The receiver of all that a command says. Results are returned, never said.
pub trait Output: Send + Sync {
    /// A line of Baler's own.
    fn line(&self, level: Level, text: &str);

    /// Bytes that a buildpack or phase program printed; they go on unchanged.
    fn bytes(&self, bytes: &[u8]);

    /// Progress.
    fn event(&self, event: &Event<'_>);
}

/// Times a step and reports its start and end.
pub(crate) fn step<T>(output: &dyn Output, step: Step, work: impl FnOnce() -> T) -> (T, Duration) {
    let started = std::time::Instant::now();
    output.event(&Event::Started(step));
    let result = work();
    let taken = started.elapsed();
    output.event(&Event::Finished(step, taken));
    (result, taken)
}
