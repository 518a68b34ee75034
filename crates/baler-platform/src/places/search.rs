//! Which places are asked for an image, and in which order (`pack`: "pull policy").

use std::fmt;
use std::str::FromStr;

use baler_image::{Engine, Reference};

/// When a registry is asked for an image that may be here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PullPolicy {
    /// The registry goes first; what it does not have may be here.
    Always,
    /// The registry is asked for what is not here.
    IfNotPresent,
    /// Only what is here counts.
    Never,
}

/// Text that is no pull policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid pull policy {0}")]
pub struct InvalidPullPolicy(pub String);

/// What decides the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Search {
    /// The local store and the registry, by this policy.
    By(PullPolicy),
    /// The registry that the name stands for, and nothing else.
    Registry,
    /// This daemon, and nothing else.
    Daemon(Engine),
}

/// A place that can be asked for a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Store,
    Daemon(Engine),
    Registry,
}

impl Search {
    /// Only the local store.
    pub const STORE: Self = Self::By(PullPolicy::Never);

    /// The places for `reference`, the first one first. What has a digest is the same everywhere and at all times: what
    /// is here need not be asked for. Here is `local`, a daemon, before the local store.
    pub(super) fn places(self, reference: &Reference, local: Option<Engine>) -> Vec<Where> {
        let policy = match self {
            Self::By(policy) => policy,
            Self::Registry => return vec![Where::Registry],
            Self::Daemon(engine) => return vec![Where::Daemon(engine)],
        };
        let mut places: Vec<Where> = local.map(Where::Daemon).into_iter().chain([Where::Store]).collect();
        match policy {
            PullPolicy::Always if reference.digest().is_none() => places.insert(0, Where::Registry),
            PullPolicy::Always | PullPolicy::IfNotPresent => places.push(Where::Registry),
            PullPolicy::Never => {}
        }
        places
    }
}

impl fmt::Display for Search {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(policy) => write!(formatter, "pull policy {policy}"),
            Self::Registry => formatter.write_str("in its registry"),
            Self::Daemon(engine) => write!(formatter, "in {engine}"),
        }
    }
}

impl fmt::Display for PullPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Always => "always",
            Self::IfNotPresent => "if-not-present",
            Self::Never => "never",
        })
    }
}

impl FromStr for PullPolicy {
    type Err = InvalidPullPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "always" | "" => Ok(Self::Always),
            "if-not-present" => Ok(Self::IfNotPresent),
            "never" => Ok(Self::Never),
            _ => Err(InvalidPullPolicy(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        for policy in [PullPolicy::Always, PullPolicy::IfNotPresent, PullPolicy::Never] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert_eq!("".parse(), Ok(PullPolicy::Always));
        assert_eq!("daily".parse::<PullPolicy>().unwrap_err().to_string(), "invalid pull policy daily");
    }

    #[test]
    fn a_digest_is_looked_for_here_first() {
        let tag: Reference = "app:1".parse().unwrap();
        let digest = tag.at(baler_image::Digest::of(b""));
        let always = Search::By(PullPolicy::Always);
        assert_eq!(always.places(&tag, None), [Where::Registry, Where::Store]);
        assert_eq!(always.places(&digest, None), [Where::Store, Where::Registry]);
        assert_eq!(Search::STORE.places(&digest, None), [Where::Store]);
        assert_eq!(Search::Registry.places(&digest, None), [Where::Registry]);
        let (docker, here) = (Engine::Docker, Where::Daemon(Engine::Docker));
        assert_eq!(always.places(&tag, Some(docker)), [Where::Registry, here, Where::Store]);
        let missing = Search::By(PullPolicy::IfNotPresent);
        assert_eq!(missing.places(&tag, Some(docker)), [here, Where::Store, Where::Registry]);
        assert_eq!(Search::Daemon(docker).places(&tag, None), [here]);
    }
}
