//! What is shown of something that a registry and this machine may both have.

use anyhow::Context as _;
use baler_image::ImageName;
use baler_platform::images::{Inspection, Side, Sides};
use baler_platform::output::chain;
use serde_json::Value;

/// What is in the registry, and what is here.
pub(crate) struct Both<T> {
    remote: Found<T>,
    local: Found<T>,
}

/// What one side has.
enum Found<T> {
    Present(T),
    Absent,
    Failed(anyhow::Error),
}

impl<T> Both<T> {
    /// Reads on each side what is shown of an image.
    pub(crate) fn of(sides: Sides, read: impl Fn(Inspection) -> anyhow::Result<T>) -> Self {
        Self { remote: Found::of(sides.remote, &read), local: Found::of(sides.local, &read) }
    }

    /// # Errors
    ///
    /// If no side has it: the only fault there is, or `nowhere`.
    pub(crate) fn found_anywhere<E: Into<anyhow::Error>>(self, nowhere: impl FnOnce() -> E) -> anyhow::Result<Self> {
        match (self.remote, self.local) {
            (Found::Absent, Found::Absent) => Err(nowhere().into()),
            (Found::Failed(error), Found::Absent) | (Found::Absent, Found::Failed(error)) => Err(error),
            (remote, local) => Ok(Self { remote, local }),
        }
    }

    /// For people: each side below its heading.
    pub(crate) fn lines(&self, side: impl Fn(&T) -> Vec<String>) -> Vec<String> {
        let mut lines = Vec::new();
        for (heading, found) in [("REMOTE:", &self.remote), ("LOCAL:", &self.local)] {
            lines.extend([String::new(), heading.to_owned()]);
            lines.extend(found.lines(&side).unwrap_or_else(|| vec!["(not present)".to_owned()]));
        }
        lines
    }

    /// For people: the sides that have it, or that could not be asked, below these headings.
    pub(crate) fn lines_of_present(&self, headings: [&str; 2], side: impl Fn(&T) -> Vec<String>) -> Vec<String> {
        let mut lines = Vec::new();
        for (heading, found) in headings.into_iter().zip([&self.remote, &self.local]) {
            if let Some(own) = found.lines(&side) {
                lines.extend([String::new(), heading.to_owned()]);
                lines.extend(own);
            }
        }
        lines
    }

    /// For programs: null where there is nothing.
    ///
    /// # Errors
    ///
    /// If a side could not be asked. Who asks for an image that is here is not told that its registry cannot be reached.
    pub(crate) fn values(
        self,
        name: &ImageName,
        side: impl Fn(T) -> anyhow::Result<Value>,
    ) -> anyhow::Result<[Value; 2]> {
        let is_here = matches!(self.local, Found::Present(_));
        let value = |found: Found<T>| match found {
            Found::Present(present) => side(present),
            Found::Absent => Ok(Value::Null),
            Found::Failed(error) => Err(error).with_context(|| format!("preparing output for '{name}'")),
        };
        let remote = if is_here && matches!(self.remote, Found::Failed(_)) { Value::Null } else { value(self.remote)? };
        Ok([remote, value(self.local)?])
    }
}

impl<T> Found<T> {
    fn of(side: Side, read: impl Fn(Inspection) -> anyhow::Result<T>) -> Self {
        match side {
            Side::Absent => Self::Absent,
            Side::Failed(error) => Self::Failed(error.into()),
            Side::Present(inspection) => read(*inspection).map_or_else(Self::Failed, Self::Present),
        }
    }

    fn lines(&self, side: impl Fn(&T) -> Vec<String>) -> Option<Vec<String>> {
        match self {
            Self::Present(present) => Some(side(present)),
            Self::Absent => None,
            Self::Failed(error) => Some(vec![format!("(not known: {})", chain(error.as_ref()))]),
        }
    }
}
