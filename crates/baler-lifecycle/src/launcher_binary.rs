//! The launchers that are part of this program.

/// A launcher that this program does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this build of baler has no launcher for linux/{architecture}: `cargo xtask build` makes one with both")]
pub struct NoLauncher {
    pub architecture: String,
}

/// The launcher for `architecture` (`amd64`, `arm64`), if it was there when this program was built.
pub fn embedded(architecture: &str) -> Option<&'static [u8]> {
    let _ = architecture;
    None
}
