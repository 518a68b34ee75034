//! Which places are asked for an image, and in which order (`pack`: "pull policy").

use std::fmt;
use std::str::FromStr;

use baler_image::Reference;

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
}

/// A place that can be asked for a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Store,
    Registry,
}

impl Search {
    /// Only the local store.
    pub const STORE: Self = Self::By(PullPolicy::Never);

    /// The places for `reference`, the first one first. What has a digest is the same everywhere and at all times: what
    /// is here need not be asked for.
    pub(super) fn places(self, reference: &Reference) -> &'static [Where] {
        match self {
            Self::By(PullPolicy::Always) if reference.digest().is_none() => &[Where::Registry, Where::Store],
            Self::By(PullPolicy::Always | PullPolicy::IfNotPresent) => &[Where::Store, Where::Registry],
            Self::By(PullPolicy::Never) => &[Where::Store],
            Self::Registry => &[Where::Registry],
        }
    }
}

impl fmt::Display for Search {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(policy) => write!(formatter, "pull policy {policy}"),
            Self::Registry => formatter.write_str("in its registry"),
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
        assert_eq!(always.places(&tag), [Where::Registry, Where::Store]);
        assert_eq!(always.places(&digest), [Where::Store, Where::Registry]);
        assert_eq!(Search::STORE.places(&digest), [Where::Store]);
        assert_eq!(Search::Registry.places(&digest), [Where::Registry]);
    }
}
