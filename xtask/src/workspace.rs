//! Where things lie: the workspace, cargo's target directory, and `dist` in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use fs_err as fs;

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies inside the workspace")
}

/// The cargo that runs this chore.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Cargo's target directory: `CARGO_TARGET_DIR` where it is set.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let text = crate::command::read(cargo().args(["metadata", "--no-deps", "--format-version=1", "--offline"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    let directory = metadata["target_directory"].as_str().context("cargo metadata has no target_directory")?;
    Ok(directory.into())
}

/// Where the results of the chores go, whatever cargo's target directory is.
pub(crate) fn dist() -> PathBuf {
    root().join("target/dist")
}

/// Moves the directory `from` to `to`; what was there is gone afterwards.
pub(crate) fn replace_directory(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::rename(from, to)?;
    Ok(())
}
