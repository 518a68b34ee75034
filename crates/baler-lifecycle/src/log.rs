//! What a phase says while it works.

use crate::progress::{Event, Observer};

/// Takes the lines of a phase, without a line end.
pub trait Log: Observer {
    /// For those who look into the lifecycle.
    fn debug(&self, line: &str);
    /// What every user sees.
    fn info(&self, line: &str);
    /// Something is wrong, and the phase goes on.
    fn warn(&self, line: &str);
}

/// Takes everything and keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event) {}
}

impl Log for Silent {
    fn debug(&self, _: &str) {}
    fn info(&self, _: &str) {}
    fn warn(&self, _: &str) {}
}
