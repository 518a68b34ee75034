//! Puts the samples together as a builder needs them: the shell buildpacks as they are, the one in Rust compiled and laid
//! out the way `cargo libcnb package` does it, beside `builder.toml` and the applications.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context as _, Result};
use fs_err as fs;

use crate::{build, command, output, workspace};

/// The buildpack that is a crate; its main program has the name of the directory.
const RUST_BUILDPACK: &str = "web-concurrency";
const EXEC_D: &str = "exec-d";
/// Directories that tools leave in an application that was tried without buildpacks.
const MADE_LOCALLY: [&str; 3] = ["node_modules", "target", "__pycache__"];

#[derive(clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(_options: &Options) -> Result<()> {
    let dist = workspace::dist();
    fs::create_dir_all(&dist)?;
    let source = workspace::root().join("samples");
    let partial = tempfile::Builder::new().prefix(".samples-").tempdir_in(&dist)?;
    let samples = partial.path().join("samples");
    for name in ["apps", "builder.toml"] {
        copy(&source.join(name), &samples.join(name))?;
    }
    for entry in fs::read_dir(source.join("buildpacks"))? {
        let name = entry?.file_name();
        if name != RUST_BUILDPACK {
            copy(&source.join("buildpacks").join(&name), &samples.join("buildpacks").join(&name))?;
        }
    }
    output::step(&format!("compiling the buildpack {RUST_BUILDPACK}"));
    compile(&source.join("buildpacks").join(RUST_BUILDPACK), &samples.join("buildpacks").join(RUST_BUILDPACK))?;
    workspace::replace_directory(&samples, &dist.join("samples"))?;
    output::step(&format!("wrote {}", dist.join("samples").display()));
    Ok(())
}

/// Compiles the crate in `source` and lays it out as a buildpack in `destination`.
fn compile(source: &Path, destination: &Path) -> Result<()> {
    let target = build::host_target()?;
    let target_directory = workspace::target_directory()?.join("samples");
    let mut cargo = build::reproducible_cargo()?;
    cargo.current_dir(source).args(["build", "--locked", "--release", "--target", target, "--target-dir"]);
    command::run(cargo.arg(&target_directory))?;

    let programs = target_directory.join(target).join("release");
    let additional = destination.join(".libcnb-cargo/additional-bin");
    fs::create_dir_all(destination.join("bin"))?;
    fs::create_dir_all(&additional)?;
    build::install(&programs.join(RUST_BUILDPACK), &destination.join("bin/build"))?;
    symlink("build", destination.join("bin/detect")).context("could not link bin/detect")?;
    build::install(&programs.join(EXEC_D), &additional.join(EXEC_D))?;
    copy(&source.join("buildpack.toml"), &destination.join("buildpack.toml"))
}

/// Copies a file or a tree. Modes become 0755 or 0644, whatever the umask was when the source was checked out: they go
/// into the builder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let metadata = fs::metadata(from)?;
    if metadata.is_dir() {
        fs::create_dir_all(to)?;
        fs::set_permissions(to, PermissionsExt::from_mode(0o755))?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            if !MADE_LOCALLY.iter().any(|made| name == *made) {
                copy(&from.join(&name), &to.join(&name))?;
            }
        }
        return Ok(());
    }
    fs::create_dir_all(to.parent().context("a copied file has a directory")?)?;
    fs::copy(from, to)?;
    let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
    fs::set_permissions(to, PermissionsExt::from_mode(mode))?;
    Ok(())
}
