//! `--volume SOURCE:TARGET[:OPTIONS]`: directories and files of the host that detect and build see besides.
//!
//! The form is the one of Docker's bind mounts, which pack parses with Docker's code; without an option a volume is
//! read-only, which is pack's rule. Named volumes are refused: they belong to a daemon.

use std::path::{Component, Path, PathBuf};

use baler_sandbox::Mount;

/// Targets below which a volume can break the build.
const SENSITIVE: [&str; 3] = ["/cnb", "/layers", "/workspace"];

/// Options that Docker has and that make no difference here: each build has mounts of its own.
const WITHOUT_EFFECT: [&str; 10] =
    ["z", "Z", "nocopy", "private", "rprivate", "slave", "rslave", "consistent", "cached", "delegated"];

/// A volume, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    source: PathBuf,
    target: PathBuf,
    writable: bool,
}

/// Why a text is no volume.
#[derive(Debug, thiserror::Error)]
#[error("platform volume {text:?} has invalid format")]
pub struct InvalidVolume {
    text: String,
    source: VolumeError,
}

/// What is wrong with a volume.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    #[error("invalid volume specification: '{text}'")]
    Specification { text: String },
    #[error("invalid mode: {mode}")]
    Mode { mode: String },
    #[error("invalid mount path: '{target}' mount path must be absolute")]
    RelativeTarget { target: String },
    #[error("invalid specification: destination can't be '/'")]
    RootTarget,
    #[error("'{name}' is the name of a volume of a daemon: give the absolute path of a directory or file")]
    Named { name: String },
    #[error("{} does not exist", path.display())]
    Missing { path: PathBuf },
}

impl Volume {
    /// Parses `text`, and finds what it names on the host.
    pub fn parse(text: &str) -> Result<Self, InvalidVolume> {
        let volume = parse(text).and_then(Self::checked);
        volume.map_err(|source| InvalidVolume { text: text.to_owned(), source })
    }

    fn checked(self) -> Result<Self, VolumeError> {
        if self.source.exists() { Ok(self) } else { Err(VolumeError::Missing { path: self.source }) }
    }

    /// The warning that pack gives for targets that the lifecycle uses.
    pub fn warning(&self) -> Option<String> {
        let target = self.target.display().to_string();
        let is_sensitive = SENSITIVE.iter().any(|sensitive| target.starts_with(sensitive));
        is_sensitive.then(|| format!("Mounting to a sensitive directory '{target}'"))
    }

    pub(crate) fn mount(&self) -> Mount {
        Mount { source: self.source.clone(), target: self.target.clone(), writable: self.writable }
    }
}

fn parse(text: &str) -> Result<Volume, VolumeError> {
    let invalid = || VolumeError::Specification { text: text.to_owned() };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts.as_slice() {
        // `/target:ro` has no source.
        [_, target] if is_mode(target) => return Err(invalid()),
        [source, target] => (*source, *target, ""),
        [source, target, options] => (*source, *target, *options),
        _ => return Err(invalid()),
    };
    if source.is_empty() || target.is_empty() {
        return Err(invalid());
    }
    if !options.is_empty() && !is_mode(options) {
        return Err(VolumeError::Mode { mode: options.to_owned() });
    }
    if !target.starts_with('/') {
        return Err(VolumeError::RelativeTarget { target: target.to_owned() });
    }
    let target = clean(target);
    if target == Path::new("/") {
        return Err(VolumeError::RootTarget);
    }
    if !source.starts_with('/') {
        return Err(VolumeError::Named { name: source.to_owned() });
    }
    let writable = options.split(',').any(|option| option == "rw");
    Ok(Volume { source: source.into(), target, writable })
}

/// Docker's modes: options between commas, each of a kind at most once. `rw` and `ro` are one kind.
fn is_mode(text: &str) -> bool {
    let options: Vec<&str> = text.split(',').collect();
    let is_access = |option: &&&str| matches!(**option, "ro" | "rw");
    options.iter().filter(is_access).count() <= 1
        && options.iter().all(|option| matches!(*option, "ro" | "rw") || WITHOUT_EFFECT.contains(option))
}

/// Without `.`, `..` and doubled slashes, by the text alone.
fn clean(path: &str) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_read_only_unless_it_is_said() {
        let is_writable = |text: &str| Volume::parse(text).unwrap().writable;
        assert!(!is_writable("/usr:/data"));
        assert!(!is_writable("/usr:/data:ro"));
        assert!(!is_writable("/usr:/data:z"));
        assert!(is_writable("/usr:/data:rw"));
        assert!(is_writable("/usr:/data:z,rw"));
        assert_eq!(Volume::parse("/usr:/a/./b//../c").unwrap().target, Path::new("/a/c"));
    }

    #[test]
    fn targets_of_the_lifecycle_are_warned_of() {
        let warning = |target: &str| Volume::parse(&format!("/usr:{target}")).unwrap().warning();
        assert_eq!(warning("/data"), None);
        assert_eq!(warning("/cnb/x").unwrap(), "Mounting to a sensitive directory '/cnb/x'");
        assert!(warning("/layers").is_some());
        assert!(warning("/workspace/x").is_some());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |text: &str| {
            let error = Volume::parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("platform volume {text:?} has invalid format"));
            std::error::Error::source(&error).unwrap().to_string()
        };
        for text in ["", ":", "/usr", "/usr:", ":/data", "/data:ro", "/a:/b:ro:x"] {
            assert_eq!(said(text), format!("invalid volume specification: '{text}'"));
        }
        assert_eq!(said("/usr:/data:wrong"), "invalid mode: wrong");
        assert_eq!(said("/usr:/data:ro,rw"), "invalid mode: ro,rw");
        assert_eq!(said("/usr:data"), "invalid mount path: 'data' mount path must be absolute");
        assert_eq!(said("/usr:/.."), "invalid specification: destination can't be '/'");
        assert!(said("cache:/data").contains("is the name of a volume"));
        assert_eq!(said("/absent/x:/data"), "/absent/x does not exist");
    }
}
