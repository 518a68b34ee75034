//! The phases' lines, on the output of the command.

use baler_lifecycle::log::Log;

use crate::output::{Event, Level, Observer, Output};

/// Passes lines on with their level.
pub(crate) struct OutputLog<'a>(pub(crate) &'a dyn Output);

impl Observer for OutputLog<'_> {
    fn event(&self, event: &Event) {
        self.0.event(event);
    }
}

impl Log for OutputLog<'_> {
    fn debug(&self, line: &str) {
        self.0.line(Level::Debug, line);
    }

    fn info(&self, line: &str) {
        self.0.line(Level::Info, line);
    }

    fn warn(&self, line: &str) {
        self.0.line(Level::Warning, line);
    }
}
