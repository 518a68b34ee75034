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
    /// A blob is on its way from or to a registry; bytes as they are sent.
    Transferring { transfer: Transfer, name: &'a str, done: u64, total: u64 },
}

/// Which way a blob goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    Pull,
    Push,
}

impl Transfer {
    /// The word in front of the blob's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pull => "pulling",
            Self::Push => "pushing",
        }
    }
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

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // An error that only wraps another says the same.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
