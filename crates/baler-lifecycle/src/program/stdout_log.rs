//! The log of a phase program: lines on standard output.

use std::io::Write as _;

use crate::log::Log;
use crate::progress::{Event, EventWriter, Observer};

/// The least important lines that are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// A level by its name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warn),
            "error" | "fatal" => Some(Self::Error),
            _ => None,
        }
    }
}

/// Prints lines that are important enough.
#[derive(Debug)]
pub struct StdoutLog {
    level: Level,
    /// Where a program that watches takes events.
    events: Option<EventWriter>,
}

impl StdoutLog {
    /// A log that prints `level` and what is more important.
    pub fn new(level: Level) -> Self {
        Self { level, events: None }
    }

    /// The same, with a program that watches.
    #[must_use]
    pub fn watched(self, events: Option<EventWriter>) -> Self {
        Self { events, ..self }
    }

    /// What a phase ends with when it fails.
    pub fn error(&self, line: &str) {
        self.print(Level::Error, "ERROR: ", line);
    }

    fn print(&self, level: Level, prefix: &str, line: &str) {
        if level >= self.level {
            // A platform that no longer listens must not stop a build.
            let _ = writeln!(std::io::stdout().lock(), "{prefix}{}", line.trim_end_matches('\n'));
        }
    }
}

impl Observer for StdoutLog {
    fn event(&self, event: &Event) {
        if let Some(events) = &self.events {
            events.send(event);
        }
    }
}

impl Log for StdoutLog {
    fn debug(&self, line: &str) {
        self.print(Level::Debug, "", line);
    }

    fn info(&self, line: &str) {
        self.print(Level::Info, "", line);
    }

    fn warn(&self, line: &str) {
        self.print(Level::Warn, "Warning: ", line);
    }
}
