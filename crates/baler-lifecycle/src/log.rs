//! What a phase says while it works.

/// Takes the lines of a phase, without a line end.
pub trait Log: Sync {
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

impl Log for Silent {
    fn debug(&self, _: &str) {}
    fn info(&self, _: &str) {}
    fn warn(&self, _: &str) {}
}
