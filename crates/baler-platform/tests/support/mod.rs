//! What the component tests share.

use baler_platform::output::{Event, Level, Observer, Output};

/// Takes everything and keeps nothing.
pub(crate) struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event) {}
}

impl Output for Silent {
    fn line(&self, _: Level, _: &str) {}
    fn bytes(&self, _: &[u8]) {}
}
