//! Versions that stand in labels.

pub use baler_lifecycle::version::{COMMIT, REFERENCE_LIFECYCLE, REPOSITORY};

/// Baler's own version.
pub const BALER: &str = env!("CARGO_PKG_VERSION");
