//! Platforms: operating system, processor and its variant, as OCI index entries and image configs name them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an image runs on (OCI image index, "platform"). Names are Go's: `linux`, `amd64`, `arm64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// Text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a platform: expected os/architecture or os/architecture/variant, such as linux/arm64")]
pub struct InvalidPlatform(pub String);

impl Platform {
    /// A platform without variant or version.
    pub fn new(os: &str, architecture: &str) -> Self {
        Self { architecture: architecture.to_owned(), os: os.to_owned(), os_version: None, variant: None }
    }

    /// Linux on the processor that this program was compiled for.
    pub fn host() -> Self {
        Self::new("linux", go_architecture(std::env::consts::ARCH)).normalised()
    }

    /// With aliases replaced (`x86_64`, `aarch64`) and variants that say nothing removed (`arm64/v8`, `amd64/v1`);
    /// `arm` without a variant is `v7`, as containerd has it.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let architecture = go_architecture(&self.architecture.to_ascii_lowercase()).to_owned();
        let variant = self.variant.clone().filter(|variant| !variant.is_empty());
        let variant = match (architecture.as_str(), variant.as_deref()) {
            ("arm64", Some("v8" | "8")) | ("amd64", Some("v1")) => None,
            ("arm", None) => Some("v7".to_owned()),
            (_, variant) => variant.map(str::to_owned),
        };
        let os_version = self.os_version.clone().filter(|version| !version.is_empty());
        Self { architecture, os: self.os.to_ascii_lowercase(), os_version, variant }
    }

    /// Whether it says enough to tell what runs on it.
    pub fn is_complete(&self) -> bool {
        !self.architecture.is_empty() && !self.os.is_empty()
    }

    /// Whether both are for the same system on the same kind of processor, whatever the variant.
    pub fn is_same_processor(&self, other: &Self) -> bool {
        let (own, other) = (self.normalised(), other.normalised());
        own.os == other.os && own.architecture == other.architecture
    }

    /// With variant and version of `other` where this one has none, provided both are for the same processor.
    #[must_use]
    pub fn completed_by(self, other: &Self) -> Self {
        if self.os != other.os || go_architecture(&self.architecture) != go_architecture(&other.architecture) {
            return self;
        }
        let variant = self.variant.or_else(|| other.variant.clone());
        let os_version = self.os_version.or_else(|| other.os_version.clone());
        Self { os_version, variant, ..self }
    }

    /// How well an image for `candidate` serves this platform: 0 is exact, higher is worse, `None` does not run.
    /// An older variant of the same architecture runs on a newer one, never the reverse.
    pub fn rank(&self, candidate: &Self) -> Option<u32> {
        let (wanted, candidate) = (self.normalised(), candidate.normalised());
        if wanted.os != candidate.os || wanted.architecture != candidate.architecture {
            return None;
        }
        match (&wanted.os_version, &candidate.os_version) {
            (Some(wanted), Some(has)) if wanted != has => return None,
            (Some(_) | None, Some(_) | None) => {}
        }
        let base = if wanted.architecture == "arm64" { 8 } else { 1 };
        match (level(wanted.variant.as_deref(), base), level(candidate.variant.as_deref(), base)) {
            (Some(wanted), Some(has)) => wanted.checked_sub(has),
            _ => (wanted.variant == candidate.variant).then_some(0),
        }
    }
}

/// `v7` is 7; no variant is the base level of the architecture.
fn level(variant: Option<&str>, base: u32) -> Option<u32> {
    match variant {
        None => Some(base),
        Some(text) => text.trim_start_matches('v').parse().ok(),
    }
}

fn go_architecture(name: &str) -> &str {
    match name {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "x86" | "i386" | "i686" => "386",
        "powerpc64le" => "ppc64le",
        other => other,
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_word = |part: &&str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        if !parts.iter().all(is_word) {
            return Err(InvalidPlatform(text.to_owned()));
        }
        match parts[..] {
            [os, architecture] => Ok(Self::new(os, architecture).normalised()),
            [os, architecture, variant] => {
                Ok(Self { variant: Some(variant.to_owned()), ..Self::new(os, architecture) }.normalised())
            }
            _ => Err(InvalidPlatform(text.to_owned())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(formatter, "/{variant}")?;
        }
        if let Some(version) = &self.os_version {
            write!(formatter, " ({version})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(wanted: &str, has: &str) -> Option<u32> {
        wanted.parse::<Platform>().unwrap().rank(&has.parse().unwrap())
    }

    #[test]
    fn ranks_variants() {
        assert_eq!(rank("linux/amd64", "linux/amd64"), Some(0));
        assert_eq!(rank("linux/arm64", "linux/arm64/v8"), Some(0));
        assert_eq!(rank("linux/aarch64", "linux/arm64"), Some(0));
        assert_eq!(rank("linux/arm/v7", "linux/arm/v6"), Some(1));
        assert_eq!(rank("linux/arm", "linux/arm/v7"), Some(0));
        assert_eq!(rank("linux/arm/v6", "linux/arm/v7"), None);
        assert_eq!(rank("linux/amd64/v3", "linux/amd64/v2"), Some(1));
        assert_eq!(rank("linux/amd64", "linux/amd64/v2"), None);
        assert_eq!(rank("linux/amd64", "linux/arm64"), None);
        assert_eq!(rank("linux/amd64", "windows/amd64"), None);
    }

    #[test]
    fn refuses() {
        for text in ["", "linux", "linux/", "/amd64", "linux/amd64/v1/x", "linux/a b"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }
}
