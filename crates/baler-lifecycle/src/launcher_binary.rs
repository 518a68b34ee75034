//! The launchers that are part of this program; the build script embeds them.

include!(concat!(env!("OUT_DIR"), "/launchers.rs"));

/// A launcher that this program does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this build of baler has no launcher for linux/{architecture}: `cargo xtask build` makes one with both")]
pub struct NoLauncher {
    /// The architecture of the run image.
    pub architecture: String,
}

/// The launcher for `architecture` (`amd64`, `arm64`), if it was there when this program was built.
pub fn embedded(architecture: &str) -> Option<&'static [u8]> {
    match architecture {
        "amd64" => AMD64,
        "arm64" => ARM64,
        _ => None,
    }
}

/// The same; a missing one is an error that says how to get it.
pub fn required(architecture: &str) -> Result<&'static [u8], NoLauncher> {
    embedded(architecture).ok_or_else(|| NoLauncher { architecture: architecture.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_launcher_says_how_to_get_one() {
        let error = required("riscv64").unwrap_err();
        let expected = "this build of baler has no launcher for linux/riscv64: `cargo xtask build` makes one with both";
        assert_eq!(error.to_string(), expected);
    }
}
