//! The log of a phase program: lines on standard output.

use std::io::Write as _;

use crate::log::Log;

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
}

impl StdoutLog {
    /// A log that prints `level` and what is more important.
    pub fn new(level: Level) -> Self {
        Self { level }
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
