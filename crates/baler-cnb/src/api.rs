//! API versions: how they are written, which ones are supported, and when a supported one serves a requested one
//! (Platform and Buildpack interface specifications, "API version").
//!
//! [`PlatformApi`] and [`BuildpackApi`] exist only for supported versions; anything else is refused when it is parsed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A version as the specifications write it: `[v]MAJOR[.[MINOR]]`, so `1` and `v1.0` are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    pub major: u32,
    pub minor: u32,
}

/// Text that is no API version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an API version: expected MAJOR.MINOR")]
pub struct InvalidApiVersion(pub String);

/// A Platform API that is wanted and not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformApiError {
    /// The variable is unset or blank; there is no default, since two sides that guess would guess differently.
    #[error("get platform API version; please set 'CNB_PLATFORM_API' to specify the desired platform API version")]
    Missing,
    #[error("parse platform API '{text}'")]
    Invalid { text: String, source: InvalidApiVersion },
    #[error("set platform API: platform API version '{0}' is incompatible with the lifecycle")]
    Unsupported(ApiVersion),
}

/// A Buildpack API that is wanted and not there. Whose it is (`buildpack 'id@version'`) is added by the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildpackApiError {
    #[error("parse buildpack API '{text}'")]
    Invalid { text: String, source: InvalidApiVersion },
    #[error("buildpack API version '{0}' is incompatible with the lifecycle")]
    Unsupported(ApiVersion),
}

/// A Platform API that is supported here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformApi(ApiVersion);

/// A Buildpack API that is supported here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildpackApi(ApiVersion);

/// The Platform APIs that are supported, oldest first; none of them is deprecated.
pub const PLATFORM_APIS: [ApiVersion; 9] = [
    ApiVersion::new(0, 7),
    ApiVersion::new(0, 8),
    ApiVersion::new(0, 9),
    ApiVersion::new(0, 10),
    ApiVersion::new(0, 11),
    ApiVersion::new(0, 12),
    ApiVersion::new(0, 13),
    ApiVersion::new(0, 14),
    ApiVersion::new(0, 15),
];

/// The Buildpack APIs that are supported, oldest first; none of them is deprecated.
pub const BUILDPACK_APIS: [ApiVersion; 6] = [
    ApiVersion::new(0, 7),
    ApiVersion::new(0, 8),
    ApiVersion::new(0, 9),
    ApiVersion::new(0, 10),
    ApiVersion::new(0, 11),
    ApiVersion::new(0, 12),
];

impl ApiVersion {
    /// The version `major.minor`.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Whether software that implements `self` serves one that asks for `requested`: before 1.0 every version stands
    /// alone, afterwards a later minor version serves the earlier ones.
    pub fn serves(self, requested: Self) -> bool {
        self.major == requested.major
            && if self.major == 0 { self.minor == requested.minor } else { self.minor >= requested.minor }
    }
}

impl PlatformApi {
    /// The newest Platform API that is supported.
    pub const LATEST: Self = Self(PLATFORM_APIS[PLATFORM_APIS.len() - 1]);

    /// Reads the value of `CNB_PLATFORM_API`; `None` and blank text are [`PlatformApiError::Missing`].
    pub fn from_variable(value: Option<&str>) -> Result<Self, PlatformApiError> {
        let text = value.map(str::trim).filter(|text| !text.is_empty()).ok_or(PlatformApiError::Missing)?;
        text.parse()
    }

    /// The version's number.
    pub fn version(self) -> ApiVersion {
        self.0
    }
}

impl BuildpackApi {
    /// The newest Buildpack API that is supported.
    pub const LATEST: Self = Self(BUILDPACK_APIS[BUILDPACK_APIS.len() - 1]);

    /// The version's number.
    pub fn version(self) -> ApiVersion {
        self.0
    }
}

impl FromStr for ApiVersion {
    type Err = InvalidApiVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| -> Option<u32> {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { digits.parse().ok() } else { None }
        };
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (major, minor) = plain.split_once('.').unwrap_or((plain, ""));
        let minor = if minor.is_empty() { Some(0) } else { number(minor) };
        match (number(major), minor) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            (None, _) | (_, None) => Err(InvalidApiVersion(text.to_owned())),
        }
    }
}

impl FromStr for PlatformApi {
    type Err = PlatformApiError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let requested = text.parse().map_err(|source| PlatformApiError::Invalid { text: text.to_owned(), source })?;
        let is_supported = PLATFORM_APIS.iter().any(|supported| supported.serves(requested));
        if is_supported { Ok(Self(requested)) } else { Err(PlatformApiError::Unsupported(requested)) }
    }
}

impl FromStr for BuildpackApi {
    type Err = BuildpackApiError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let requested = text.parse().map_err(|source| BuildpackApiError::Invalid { text: text.to_owned(), source })?;
        let is_supported = BUILDPACK_APIS.iter().any(|supported| supported.serves(requested));
        if is_supported { Ok(Self(requested)) } else { Err(BuildpackApiError::Unsupported(requested)) }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

impl fmt::Display for PlatformApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Display for BuildpackApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl Serialize for ApiVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ApiVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_a_version() {
        for (text, major, minor) in
            [("0.7", 0, 7), ("v0.12", 0, 12), ("1", 1, 0), ("v1", 1, 0), ("1.", 1, 0), ("12", 12, 0), ("0.012", 0, 12)]
        {
            assert_eq!(text.parse(), Ok(ApiVersion::new(major, minor)), "{text}");
        }
    }

    #[test]
    fn refuses_other_text() {
        for text in ["", "v", ".", ".7", "0.7.1", "0,7", "+1", "0.+7", "vv1", " 0.7", "<nil>", "99999999999.0"] {
            assert_eq!(text.parse::<ApiVersion>(), Err(InvalidApiVersion(text.to_owned())));
        }
    }

    #[test]
    fn a_later_minor_version_serves_only_after_one() {
        for (own, requested, expected) in [
            ("0.8", "0.8", true),
            ("0.8", "0.7", false),
            ("0.7", "0.8", false),
            ("1.2", "1.1", true),
            ("1.2", "1.2", true),
            ("1.2", "1.3", false),
            ("2.0", "1.0", false),
        ] {
            let [own, requested]: [ApiVersion; 2] = [own, requested].map(|text| text.parse().unwrap());
            assert_eq!(own.serves(requested), expected, "{own} serves {requested}");
        }
    }

    #[test]
    fn knows_what_is_supported() {
        for supported in ["0.7", "0.15", "v0.9"] {
            assert!(supported.parse::<PlatformApi>().is_ok(), "{supported}");
        }
        for unsupported in ["0.6", "0.16", "1.0"] {
            let requested = unsupported.parse().unwrap();
            assert_eq!(unsupported.parse::<PlatformApi>(), Err(PlatformApiError::Unsupported(requested)));
        }
        assert_eq!("0.12".parse(), Ok(BuildpackApi::LATEST));
        assert!("0.6".parse::<BuildpackApi>().is_err());
        assert_eq!(PlatformApi::LATEST.to_string(), "0.15");
    }

    #[test]
    fn the_platform_api_has_no_default() {
        assert_eq!(PlatformApi::from_variable(None), Err(PlatformApiError::Missing));
        assert_eq!(PlatformApi::from_variable(Some("  ")), Err(PlatformApiError::Missing));
        assert!(PlatformApiError::Missing.to_string().contains("please set 'CNB_PLATFORM_API'"));
        assert!(matches!(PlatformApi::from_variable(Some("x")), Err(PlatformApiError::Invalid { .. })));
    }
}
