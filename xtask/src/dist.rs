//! What is published of a version, out of what `cargo xtask build --all` made: for each architecture the archive of the
//! lifecycle (lifecycle-behaviour 10.4) and that of `baler`, their checksums, and the image of the lifecycle.
//!
//! The same programs give the same bytes: names are sorted, and all times are the one that buildpack tools use.

mod archive;
mod lifecycle_image;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use baler_cnb::labels::LifecycleDescription;
use baler_cnb::lifecycle::LifecycleFile;
use baler_cnb::version::REFERENCE_LIFECYCLE;
use baler_image::Digest;
use fs_err as fs;

use crate::{build, output, workspace};

/// 1980-01-01T00:00:01Z.
const CREATED: u64 = 315_532_801;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the files go [default: target/dist/release]
    #[arg(long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
}

/// An architecture that there are programs for.
struct Architecture {
    /// As images call it.
    name: &'static str,
    /// As the names of files call it.
    file_name: &'static str,
    /// Has `baler` and `lifecycle/`.
    programs: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let directory = options.output.clone().unwrap_or_else(|| workspace::dist().join("release"));
    let architectures = architectures()?;
    let parent = directory.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let partial = tempfile::Builder::new().prefix(".release-").tempdir_in(parent)?;
    let release = partial.path().join("release");
    fs::create_dir(&release)?;
    for architecture in &architectures {
        pack_lifecycle(architecture, &release)?;
        pack_program(architecture, &release)?;
    }
    let digest = lifecycle_image::write(&architectures, &release.join("lifecycle-image"))?;
    output::step(&format!("  lifecycle-image {digest}"));
    workspace::replace_directory(&release, &directory)?;
    output::step(&format!("wrote {}", directory.display()));
    Ok(())
}

/// Both, or an error that says how to get the missing one.
fn architectures() -> Result<[Architecture; 2]> {
    let architecture = |name, file_name, target| -> Result<Architecture> {
        let programs = build::programs(target)?;
        if !programs.join("lifecycle/lifecycle").exists() {
            bail!("there are no programs for {name} in {}: run `cargo xtask build --all`", programs.display());
        }
        Ok(Architecture { name, file_name, programs })
    };
    Ok([architecture("amd64", "x86-64", build::AMD64)?, architecture("arm64", "arm64", build::ARM64)?])
}

/// lifecycle.toml.
fn descriptor() -> Result<String> {
    Ok(toml::to_string(&LifecycleFile::from(LifecycleDescription::own()))?)
}

/// `lifecycle-vVERSION+linux.ARCHITECTURE.tgz`.
fn pack_lifecycle(architecture: &Architecture, release: &Path) -> Result<()> {
    let mut archive = archive::Archive::new();
    archive.file("lifecycle.toml", 0o644, descriptor()?.as_bytes())?;
    archive.directory("lifecycle", &architecture.programs.join("lifecycle"))?;
    publish(
        release,
        &format!("lifecycle-v{REFERENCE_LIFECYCLE}+linux.{}.tgz", architecture.file_name),
        &archive.finish()?,
    )
}

/// `baler-vVERSION+linux.ARCHITECTURE.tgz`.
fn pack_program(architecture: &Architecture, release: &Path) -> Result<()> {
    let mut archive = archive::Archive::new();
    archive.file("LICENSE", 0o644, &fs::read(workspace::root().join("LICENSE"))?)?;
    archive.file("apparmor/baler", 0o644, &fs::read(workspace::root().join("packaging/apparmor/baler"))?)?;
    archive.file("baler", 0o755, &fs::read(architecture.programs.join("baler"))?)?;
    let version = env!("CARGO_PKG_VERSION");
    publish(release, &format!("baler-v{version}+linux.{}.tgz", architecture.file_name), &archive.finish()?)
}

/// Writes a file, and beside it the checksum in the form of `sha256sum`.
fn publish(release: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let digest = Digest::of(bytes);
    fs::write(release.join(name), bytes)?;
    fs::write(release.join(format!("{name}.sha256")), format!("{}  {name}\n", digest.hex()))?;
    output::step(&format!("  {name} {} bytes", bytes.len()));
    Ok(())
}
