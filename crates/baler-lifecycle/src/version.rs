//! Versions that stand in labels.

pub use baler_cnb::version::REFERENCE_LIFECYCLE;

/// Where the source is.
pub const REPOSITORY: &str = "github.com/baler/baler";

/// The commit that the program was built from; empty where it is not known.
pub const COMMIT: &str = match option_env!("BALER_COMMIT") {
    Some(commit) => commit,
    None => "",
};

/// What a phase says when it is asked: the reference's version, and as build metadata which program this is.
pub(crate) fn of_programs() -> String {
    let commit = if COMMIT.is_empty() { String::new() } else { format!(".{COMMIT}") };
    format!("{REFERENCE_LIFECYCLE}+baler.{}{commit}", env!("CARGO_PKG_VERSION"))
}
