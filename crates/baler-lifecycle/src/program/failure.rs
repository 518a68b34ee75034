//! How a phase program fails: an error and an exit code.

use std::error::Error;
use std::fmt;

use baler_registry::RegistryError;

use crate::error_text::chain;

/// Exit codes of phase programs (Platform specification, "Exit Codes").
pub mod code {
    /// Something failed that has no code of its own.
    pub const FAILED: u8 = 1;
    /// The flags are not those of the phase.
    pub const FLAGS: u8 = 2;
    /// The arguments cannot be used.
    pub const ARGUMENTS: u8 = 3;
    /// The Platform API is not supported.
    pub const PLATFORM_API: u8 = 11;
    /// The Buildpack API of a module is not supported.
    pub const BUILDPACK_API: u8 = 12;
    /// All groups failed, and no buildpack did worse than to say no.
    pub const NO_GROUP: u8 = 20;
    /// All groups failed, and a buildpack failed to do its work.
    pub const NO_GROUP_AND_ERRORS: u8 = 21;
    /// Detect failed otherwise.
    pub const DETECT: u8 = 22;
    /// Analyze failed.
    pub const ANALYZE: u8 = 32;
    /// Restore failed.
    pub const RESTORE: u8 = 42;
    /// A buildpack failed to build.
    pub const BUILDPACK: u8 = 51;
    /// Build failed otherwise.
    pub const BUILD: u8 = 52;
    /// Export failed.
    pub const EXPORT: u8 = 62;
    /// Rebase failed.
    pub const REBASE: u8 = 72;
    /// An extension failed to generate.
    pub const EXTENSION: u8 = 91;
    /// Generate failed otherwise.
    pub const GENERATE: u8 = 92;
    /// Extend failed.
    pub const EXTEND: u8 = 102;
}

/// Why a phase program fails, and with which code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    /// What could not be done: `failed to <action>` goes before the error.
    action: Option<&'static str>,
    source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// A failure with an error.
    pub fn new(code: u8, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { code, action: None, source: source.into() }
    }

    /// The same, said of what could not be done.
    #[must_use]
    pub fn to(self, action: &'static str) -> Self {
        Self { action: Some(action), ..self }
    }

    /// The same with another exit code.
    #[must_use]
    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Arguments that cannot be used.
    pub fn arguments(text: impl Into<String>) -> Self {
        Self::new(code::ARGUMENTS, text.into())
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// The error, explained.
    pub fn text(&self) -> String {
        let error = explained(self.source.as_ref());
        self.action.map_or_else(|| error.clone(), |action| format!("failed to {action}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

/// An error and its causes; of a registry that refuses, with whose credentials it was asked.
pub(super) fn explained(error: &(dyn Error + 'static)) -> String {
    chain(error) + &credentials(error)
}

fn credentials(error: &(dyn Error + 'static)) -> String {
    let mut causes = std::iter::successors(Some(error), |cause| (*cause).source());
    let refused = causes.find_map(|cause| cause.downcast_ref::<RegistryError>()).map(RegistryError::root);
    match refused {
        Some(RegistryError::Refused { origin: Some(origin), .. }) => format!(", with the credentials of {origin}"),
        Some(RegistryError::Refused { origin: None, .. }) => ", without credentials: there are none for it".to_owned(),
        _ => String::new(),
    }
}
