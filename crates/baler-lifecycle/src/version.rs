//! Versions that stand in labels.

/// The version of the reference lifecycle that this one equals. Labels have it, since platforms choose by that number.
pub const REFERENCE_LIFECYCLE: &str = "0.21.17";

/// Where the source is.
pub const REPOSITORY: &str = "github.com/baler/baler";

/// The commit that the program was built from; empty where it is not known.
pub const COMMIT: &str = match option_env!("BALER_COMMIT") {
    Some(commit) => commit,
    None => "",
};
