//! A repository of a registry: where blobs are kept together.

use std::fmt;

use crate::reference::{DEFAULT_REGISTRY, Reference};

/// A repository, such as `team/app` of `registry.example:5000`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: Box<str>,
    path: Box<str>,
}

impl Repository {
    /// A repository by its parts, which come from a [`Reference`] or from configuration.
    pub fn new(registry: &str, path: &str) -> Self {
        let registry = if registry == "docker.io" { DEFAULT_REGISTRY } else { registry };
        Self { registry: registry.into(), path: path.into() }
    }

    /// The registry's host, with its port if one was given.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path below the registry.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl From<&Reference> for Repository {
    fn from(reference: &Reference) -> Self {
        Self::new(reference.registry(), reference.repository())
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.path)
    }
}
