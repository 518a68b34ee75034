//! What one logs in with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;

/// Credentials for a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Anonymous,
    Basic {
        username: String,
        password: Secret,
    },
    /// A refresh token, exchanged for access tokens (`OAuth2`).
    Identity(Secret),
    /// An access token, sent as it is.
    Bearer(Secret),
}

/// Where credentials came from, to be said when they are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// What was typed.
    Given,
    /// `CNB_REGISTRY_AUTH`.
    Variable,
    File(std::path::PathBuf),
    /// A credential helper, by its program's name.
    Helper(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Given => formatter.write_str("what was given"),
            Self::Variable => formatter.write_str("CNB_REGISTRY_AUTH"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Helper(program) => formatter.write_str(program),
        }
    }
}

/// A value of `CNB_REGISTRY_AUTH` that is none of `Basic`, `Bearer` and `X-Identity`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not of the form 'Basic …', 'Bearer …' or 'X-Identity …'")]
pub struct InvalidAuthorization;

impl Credentials {
    /// Reads the value of an `Authorization` header.
    pub fn from_header(value: &str) -> Result<Self, InvalidAuthorization> {
        let (scheme, rest) = value.trim().split_once(' ').ok_or(InvalidAuthorization)?;
        let rest = rest.trim();
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => Self::from_pair(rest).ok_or(InvalidAuthorization),
            "bearer" => Ok(Self::Bearer(rest.into())),
            "x-identity" => Ok(Self::Identity(rest.into())),
            _ => Err(InvalidAuthorization),
        }
    }

    /// Reads base64 of `user:password`.
    pub(crate) fn from_pair(encoded: &str) -> Option<Self> {
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (username, password) = decoded.split_once(':')?;
        // Docker's files end the password with zero bytes at times.
        let password = password.trim_end_matches('\0').into();
        Some(Self::Basic { username: username.to_owned(), password })
    }

    pub(crate) fn basic_header(username: &str, password: &Secret) -> Secret {
        format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.reveal()))).into()
    }
}
