//! What names point at, and the prefixes that say so, as skopeo spells them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::digest::Digest;
use crate::reference::{InvalidReference, Reference};

/// What a name points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A reference: in the local store or a registry.
    Reference(Reference),
    /// `oci:PATH[:NAME]`: an OCI layout directory, and the name of an image in it (annotation
    /// `org.opencontainers.image.ref.name`) where it holds several.
    Layout { path: PathBuf, name: Option<String> },
    /// `docker-archive:PATH[:NAME]` or `oci-archive:PATH[:NAME]`: one file, and the name of an image in it where it
    /// holds several. The path ends at the first colon, since names have colons.
    Archive { kind: ArchiveKind, path: PathBuf, name: Option<String> },
    /// `docker-daemon:IMAGE` or `podman-daemon:IMAGE`: an image that a daemon keeps.
    Daemon { engine: Engine, image: DaemonImage },
}

/// The two forms of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// What `docker save` writes: `manifest.json`, configs, and layers by diffID.
    Docker,
    /// An OCI layout in one file.
    Oci,
}

/// What answers at a daemon's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    Docker,
    Podman,
}

/// What an image is called by in a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DaemonImage {
    Reference(Reference),
    /// An image id, with its algorithm; Docker also takes 64 hex digits alone.
    Id(Digest),
}

impl ArchiveKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Docker => "docker-archive:",
            Self::Oci => "oci-archive:",
        }
    }
}

impl fmt::Display for ArchiveKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Docker => "Docker archive",
            Self::Oci => "OCI archive",
        })
    }
}

impl Engine {
    fn prefix(self) -> &'static str {
        match self {
            Self::Docker => "docker-daemon:",
            Self::Podman => "podman-daemon:",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Docker => "the Docker daemon",
            Self::Podman => "Podman",
        })
    }
}

impl FromStr for DaemonImage {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = text.parse::<Digest>().or_else(|_| format!("sha256:{text}").parse::<Digest>());
        id.map(Self::Id).or_else(|_| text.parse().map(Self::Reference))
    }
}

impl fmt::Display for DaemonImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(reference) => formatter.write_str(&reference.familiar()),
            Self::Id(id) => write!(formatter, "{id}"),
        }
    }
}

impl FromStr for Target {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| InvalidReference { text: text.to_owned(), reason };
        if let Some(rest) = text.strip_prefix("oci:") {
            return layout(rest).ok_or_else(|| invalid("'oci:' is followed by a path"));
        }
        for kind in [ArchiveKind::Docker, ArchiveKind::Oci] {
            if let Some(rest) = text.strip_prefix(kind.prefix()) {
                return archive(kind, rest).ok_or_else(|| invalid("the prefix is followed by the path of a file"));
            }
        }
        for engine in [Engine::Docker, Engine::Podman] {
            if let Some(rest) = text.strip_prefix(engine.prefix()) {
                let image = rest.parse().map_err(|error: InvalidReference| invalid(error.reason))?;
                return Ok(Self::Daemon { engine, image });
            }
        }
        text.parse().map(Self::Reference)
    }
}

/// A colon after the last slash separates the image's name, as it does with a tag.
fn layout(rest: &str) -> Option<Target> {
    let last_part = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (path, name) = match rest[last_part..].split_once(':') {
        Some((directory, name)) if !name.is_empty() => (&rest[..last_part + directory.len()], Some(name.to_owned())),
        Some(_) | None => (rest.trim_end_matches(':'), None),
    };
    (!path.is_empty()).then(|| Target::Layout { path: path.into(), name })
}

fn archive(kind: ArchiveKind, rest: &str) -> Option<Target> {
    let (path, name) = rest.split_once(':').unwrap_or((rest, ""));
    let name = Some(name.to_owned()).filter(|name| !name.is_empty());
    (!path.is_empty()).then(|| Target::Archive { kind, path: path.into(), name })
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, path, name) = match self {
            Self::Reference(reference) => return formatter.write_str(&reference.familiar()),
            Self::Daemon { engine, image } => return write!(formatter, "{}{image}", engine.prefix()),
            Self::Layout { path, name } => ("oci:", path, name),
            Self::Archive { kind, path, name } => (kind.prefix(), path, name),
        };
        write!(formatter, "{prefix}{}", path.display())?;
        name.as_ref().map_or(Ok(()), |name| write!(formatter, ":{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn layouts() {
        let layout = |text: &str, path: &str, name: Option<&str>| {
            assert_eq!(target(text), Target::Layout { path: path.into(), name: name.map(str::to_owned) }, "{text}");
        };
        layout("oci:out", "out", None);
        layout("oci:out:", "out", None);
        layout("oci:../out/app:1.0", "../out/app", Some("1.0"));
        layout("oci:/a:b/c", "/a:b/c", None);
    }

    #[test]
    fn archives() {
        let archive = |text: &str, kind, path: &str, name: Option<&str>| {
            let expected = Target::Archive { kind, path: path.into(), name: name.map(str::to_owned) };
            assert_eq!(target(text), expected, "{text}");
            assert_eq!(expected.to_string(), text);
        };
        archive("docker-archive:app.tar", ArchiveKind::Docker, "app.tar", None);
        archive("oci-archive:/a/app.tar:1.0", ArchiveKind::Oci, "/a/app.tar", Some("1.0"));
        let name = "registry.example:5000/team/app:1";
        archive(&format!("docker-archive:out/app.tar:{name}"), ArchiveKind::Docker, "out/app.tar", Some(name));
    }

    #[test]
    fn daemons() {
        let reference = DaemonImage::Reference("app".parse().unwrap());
        assert_eq!(target("docker-daemon:app"), Target::Daemon { engine: Engine::Docker, image: reference.clone() });
        assert_eq!(target("podman-daemon:app:latest"), Target::Daemon { engine: Engine::Podman, image: reference });
        let id = Digest::of(b"config");
        for text in [format!("docker-daemon:{id}"), format!("docker-daemon:{}", id.hex())] {
            let expected = Target::Daemon { engine: Engine::Docker, image: DaemonImage::Id(id.clone()) };
            assert_eq!(target(&text), expected);
            assert_eq!(expected.to_string(), format!("docker-daemon:{id}"));
        }
    }

    #[test]
    fn refused() {
        for text in ["oci:", "oci::name", "docker-archive:", "oci-archive::name", "docker-daemon:", "podman-daemon:UP"]
        {
            let error = text.parse::<Target>().unwrap_err();
            assert_eq!(error.text, text, "the text is the whole name");
        }
    }
}
