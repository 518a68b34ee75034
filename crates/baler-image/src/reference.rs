//! Image references: `[registry/]repository[:tag][@digest]`, with Docker's defaults.
//!
//! The rules are those that `pack` applies ("weak" validation: short names are allowed; `docker.io` is
//! `index.docker.io`, one-part names there get `library/`, and the default tag is `latest`).

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;

/// The registry that names without one belong to.
pub const DEFAULT_REGISTRY: &str = "index.docker.io";
const DEFAULT_TAG: &str = "latest";

/// A parsed image reference. Two references that name the same thing are equal, however they were written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: Box<str>,
    repository: Box<str>,
    tag: Option<Box<str>>,
    digest: Option<Digest>,
}

/// Text that is no image reference. The text after the colon is the reference, so that scripts find it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not parse reference: {text}")]
pub struct InvalidReference {
    /// What was given.
    pub text: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

impl Reference {
    /// The registry host, with its port if one was given.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository path below the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag: as given; `latest` where neither tag nor digest was.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one was given. It decides over a tag beside it.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository at `digest`, without a tag.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// Registry and repository, in full.
    pub fn full_repository(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The name without what Docker's users leave out: default registry, `library/`, `:latest` stays.
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        let Some(rest) = full.strip_prefix(DEFAULT_REGISTRY).and_then(|rest| rest.strip_prefix('/')) else {
            return full;
        };
        rest.strip_prefix("library/").unwrap_or(rest).to_owned()
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| InvalidReference { text: text.to_owned(), reason };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                (name, Some(digest.parse::<Digest>().map_err(|_| invalid("what follows '@' is not a digest"))?))
            }
            None => (text, None),
        };
        // A colon after the last slash starts the tag; one before it belongs to the registry's port.
        let last_part = name.rfind('/').map_or(0, |slash| slash + 1);
        let (path, tag) = match name[last_part..].rfind(':') {
            Some(colon) if !name[last_part..].starts_with('[') => {
                (&name[..last_part + colon], Some(&name[last_part + colon + 1..]))
            }
            Some(_) | None => (name, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid("a tag has 1 to 128 letters, digits, '_', '.' and '-'"));
        }
        let (registry, repository) = split_registry(path);
        if !is_registry(&registry) {
            return Err(invalid("the registry is not a host name with an optional port"));
        }
        if !is_repository(&repository) {
            return Err(invalid("a repository has 2 to 255 lower-case letters, digits and '_-./'"));
        }
        let tag = match (tag, &digest) {
            (Some(tag), _) => Some(tag),
            (None, None) => Some(DEFAULT_TAG),
            (None, Some(_)) => None,
        };
        Ok(Self { registry: registry.into(), repository: repository.into(), tag: tag.map(Into::into), digest })
    }
}

fn split_registry(path: &str) -> (String, String) {
    let (registry, repository) = match path.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        Some(_) | None => (DEFAULT_REGISTRY, path),
    };
    let registry = if registry == "docker.io" { DEFAULT_REGISTRY } else { registry };
    if registry == DEFAULT_REGISTRY && !repository.contains('/') {
        return (registry.to_owned(), format!("library/{repository}"));
    }
    (registry.to_owned(), repository.to_owned())
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn is_registry(registry: &str) -> bool {
    let (host, port) = if let Some(rest) = registry.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return false;
        }
        ("v6", port.strip_prefix(':').or((port.is_empty()).then_some("0")))
    } else {
        registry.split_once(':').map_or((registry, Some("0")), |(host, port)| (host, Some(port)))
    };
    !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

fn is_repository(repository: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-./".contains(&byte);
    (2..=255).contains(&repository.len())
        && repository.bytes().all(allowed)
        && repository.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(text: &str) -> String {
        text.parse::<Reference>().unwrap().to_string()
    }

    #[test]
    fn fills_in_what_docker_leaves_out() {
        assert_eq!(full("ubuntu"), "index.docker.io/library/ubuntu:latest");
        assert_eq!(full("docker.io/ubuntu:24.04"), "index.docker.io/library/ubuntu:24.04");
        assert_eq!(full("me/app"), "index.docker.io/me/app:latest");
        assert_eq!(full("localhost/app"), "localhost/app:latest");
        assert_eq!(full("localhost:5000/app:1"), "localhost:5000/app:1");
        assert_eq!(full("registry.example/a/b/c:x"), "registry.example/a/b/c:x");
        assert_eq!(full("[::1]:5000/app"), "[::1]:5000/app:latest");
    }

    #[test]
    fn digest_and_tag() {
        let digest = Digest::of(b"x");
        let both = format!("registry.example/app:1@{digest}").parse::<Reference>().unwrap();
        assert_eq!(both.tag(), Some("1"));
        assert_eq!(both.digest(), Some(&digest));
        let only = format!("registry.example/app@{digest}").parse::<Reference>().unwrap();
        assert_eq!(only.tag(), None);
        assert_eq!(only.to_string(), format!("registry.example/app@{digest}"));
    }

    #[test]
    fn familiar_names() {
        assert_eq!("ubuntu".parse::<Reference>().unwrap().familiar(), "ubuntu:latest");
        assert_eq!("me/app:1".parse::<Reference>().unwrap().familiar(), "me/app:1");
        assert_eq!("localhost/app".parse::<Reference>().unwrap().familiar(), "localhost/app:latest");
    }

    #[test]
    fn refuses() {
        for text in
            ["", "invalid-builder!", "UPPER/x", "a", "x/../y", "app:", "app:ta g", "app@sha256:12", "h:port/app"]
        {
            let result = text.parse::<Reference>();
            if text == "a" {
                assert!(result.is_ok(), "library/a is long enough");
                continue;
            }
            assert_eq!(result.unwrap_err().to_string(), format!("could not parse reference: {text}"));
        }
    }
}
