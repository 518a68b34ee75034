//! Releases of the reference lifecycle: what `[lifecycle] version` names, and where it is published (platform-behaviour 4.12).

use std::fmt;
use std::str::FromStr;

use baler_image::Platform;

const RELEASES: &str = "https://github.com/buildpacks/lifecycle/releases/download";

/// A version as pack reads it: semantic, where a `v` may stand before it, and the last numbers may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReleaseVersion {
    numbers: [u64; 3],
    /// What follows: `-rc.1+5`.
    rest: String,
}

/// Text that is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'lifecycle.version' must be a valid semver, which '{0}' is not")]
pub struct InvalidVersion(String);

impl FromStr for ReleaseVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersion(text.to_owned());
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (numbers, rest) = plain.split_at(plain.find(['-', '+']).unwrap_or(plain.len()));
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
        let has_words = rest.split(['-', '+', '.']).skip(1).all(|word| !word.is_empty());
        if !rest.bytes().all(is_sign) || !has_words {
            return Err(invalid());
        }
        let mut found = [0; 3];
        for (at, number) in numbers.split('.').enumerate() {
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
            let value = number.parse().ok().filter(|_| is_number);
            *found.get_mut(at).ok_or_else(invalid)? = value.ok_or_else(invalid)?;
        }
        Ok(Self { numbers: found, rest: rest.to_owned() })
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(formatter, "{major}.{minor}.{patch}{}", self.rest)
    }
}

impl ReleaseVersion {
    /// Where its archive for a platform is, if there are any for such platforms.
    pub(super) fn url(&self, platform: &Platform) -> Option<String> {
        let architecture = match platform.architecture.as_str() {
            "amd64" => "x86-64",
            "arm64" => "arm64",
            "ppc64le" => "ppc64le",
            "s390x" => "s390x",
            _ => return None,
        };
        (platform.os == "linux").then(|| format!("{RELEASES}/v{self}/lifecycle-v{self}+linux.{architecture}.tgz"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_pack_reads_them() {
        for (text, expected) in [
            ("0.20.1", Some("0.20.1")),
            ("v0.20.1", Some("0.20.1")),
            ("0.20", Some("0.20.0")),
            ("1", Some("1.0.0")),
            ("0.21.0-rc.1+a", Some("0.21.0-rc.1+a")),
            ("latest", None),
            ("0.20.1.2", None),
            ("0..1", None),
            ("+1.0.0", None),
            ("1.0.0-", None),
            ("1.0.0-a/../b", None),
        ] {
            let found = text.parse::<ReleaseVersion>().ok().map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn where_archives_are() {
        let version: ReleaseVersion = "0.20.1".parse().unwrap();
        let url = version.url(&Platform::new("linux", "amd64")).unwrap();
        let expected =
            "https://github.com/buildpacks/lifecycle/releases/download/v0.20.1/lifecycle-v0.20.1+linux.x86-64.tgz";
        assert_eq!(url, expected);
        assert!(version.url(&Platform::new("linux", "arm64")).unwrap().ends_with("+linux.arm64.tgz"));
        assert_eq!(version.url(&Platform::new("linux", "riscv64")), None);
        assert_eq!(version.url(&Platform::new("windows", "amd64")), None);
    }
}
