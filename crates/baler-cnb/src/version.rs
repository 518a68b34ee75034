//! The version of the lifecycle that ours equals.

/// The version of the reference lifecycle that ours equals. Platforms choose by that number what they ask for, so it
/// stands in labels, in lifecycle.toml and in what phases say of themselves.
pub const REFERENCE_LIFECYCLE: &str = "0.21.17";
