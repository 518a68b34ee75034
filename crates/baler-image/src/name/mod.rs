//! Image names as people give them: a reference, or what a prefix says it is.

mod target;

use std::fmt;
use std::str::FromStr;

use crate::reference::{InvalidReference, Reference};

pub use target::{ArchiveKind, DaemonImage, Engine, Target};

/// What an image is asked for by. The text is kept as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    given: String,
    target: Target,
}

impl ImageName {
    /// A name that is written as `given` and points at `target`.
    pub fn new(given: impl Into<String>, target: Target) -> Self {
        Self { given: given.into(), target }
    }

    /// The text as it was given.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// What it points at.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The reference, unless the name is a path or says which daemon has the image.
    pub fn reference(&self) -> Option<&Reference> {
        match &self.target {
            Target::Reference(reference) => Some(reference),
            Target::Layout { .. } | Target::Archive { .. } | Target::Daemon { .. } => None,
        }
    }
}

impl From<Reference> for ImageName {
    fn from(reference: Reference) -> Self {
        Self::from(Target::Reference(reference))
    }
}

impl From<Target> for ImageName {
    fn from(target: Target) -> Self {
        Self { given: target.to_string(), target }
    }
}

impl FromStr for ImageName {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { given: text.to_owned(), target: text.parse()? })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_stays_as_it_was_given() {
        for text in ["app", "docker.io/library/app", "oci:out/", "docker-daemon:docker.io/app"] {
            assert_eq!(text.parse::<ImageName>().unwrap().given(), text);
        }
        assert_eq!(ImageName::from("docker.io/app".parse::<Reference>().unwrap()).given(), "app:latest");
    }
}
