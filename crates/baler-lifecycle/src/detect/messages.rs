//! What detect says, held back until it is clear how it ends.

use crate::log::Log;

/// Lines and how important they are.
#[derive(Debug, Default)]
pub(super) struct Messages {
    lines: Vec<(bool, String)>,
}

impl Messages {
    /// A line that matters when detection fails.
    pub(super) fn debug(&mut self, line: impl Into<String>) {
        self.lines.push((false, line.into()));
    }

    /// A line that everybody sees.
    pub(super) fn info(&mut self, line: impl Into<String>) {
        self.lines.push((true, line.into()));
    }

    /// Hands everything to `log`. When detection has failed, all of it matters.
    pub(super) fn print(&self, log: &dyn Log, has_failed: bool) {
        for (is_info, line) in &self.lines {
            if *is_info || has_failed {
                log.info(line);
            } else {
                log.debug(line);
            }
        }
    }

    /// The lines without their importance.
    #[cfg(test)]
    pub(super) fn lines(&self) -> Vec<&str> {
        self.lines.iter().map(|(_, line)| line.as_str()).collect()
    }
}
