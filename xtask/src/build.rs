//! Builds what is installed, with the same bytes wherever the workspace lies: the launchers first, since the program
//! carries them; then the program; then the directory of phases that platforms expect at `/cnb/lifecycle`.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use fs_err as fs;

use crate::{command, output, sbom, workspace};

pub(crate) const AMD64: &str = "x86_64-unknown-linux-musl";
pub(crate) const ARM64: &str = "aarch64-unknown-linux-musl";
/// All that there are programs for.
pub(crate) const TARGETS: [&str; 2] = [AMD64, ARM64];

/// The names under which the program is a phase.
const PHASES: [&str; 8] = ["analyzer", "builder", "creator", "detector", "exporter", "extender", "rebaser", "restorer"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build the launchers only
    #[arg(long)]
    launchers: bool,
    /// Build the programs of the other architecture as well
    #[arg(long, conflicts_with = "launchers")]
    all: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let target = host_target()?;
    let dist = workspace::dist();
    fs::create_dir_all(&dist)?;

    output::step("building the launchers for amd64 and arm64");
    let launchers = build_launchers()?;
    for (architecture, launcher) in [("amd64", &launchers.amd64), ("arm64", &launchers.arm64)] {
        install(launcher, &dist.join(format!("launcher-{architecture}")))?;
    }
    if options.launchers {
        return Ok(());
    }

    sbom::write_all(&dist.join("sbom"))?;
    for target in TARGETS.into_iter().filter(|other| *other == target || options.all) {
        require_c_compiler(target)?;
        output::step(&format!("building baler for {target}"));
        let program = build_program(target, &launchers)?;
        let directory = programs(target)?;
        fs::create_dir_all(&directory)?;
        install(&program, &directory.join("baler"))?;
        install_lifecycle(&directory, launchers.of(target))?;
        output::step(&format!("wrote {} and lifecycle/ beside it", directory.join("baler").display()));
    }
    Ok(())
}

/// Where the programs for `target` are: `baler` and `lifecycle/`.
pub(crate) fn programs(target: &str) -> Result<PathBuf> {
    let dist = workspace::dist();
    Ok(if target == host_target()? { dist } else { dist.join("foreign") })
}

struct Launchers {
    amd64: PathBuf,
    arm64: PathBuf,
}

impl Launchers {
    fn of(&self, target: &str) -> &Path {
        if target == AMD64 { &self.amd64 } else { &self.arm64 }
    }
}

fn build_launchers() -> Result<Launchers> {
    let mut cargo = reproducible_cargo()?;
    cargo.args(["build", "--locked", "--package=baler-launcher", "--profile=launcher"]);
    cargo.args(["--target", AMD64, "--target", ARM64]);
    command::run(&mut cargo)?;
    let built = |target: &str| -> Result<PathBuf> {
        Ok(workspace::target_directory()?.join(target).join("launcher/baler-launcher"))
    };
    Ok(Launchers { amd64: built(AMD64)?, arm64: built(ARM64)? })
}

fn build_program(target: &str, launchers: &Launchers) -> Result<PathBuf> {
    let mut cargo = reproducible_cargo()?;
    cargo.args(["build", "--locked", "--package=baler", "--bin=baler", "--release", "--target", target]);
    cargo.env("BALER_LAUNCHER_AMD64", &launchers.amd64).env("BALER_LAUNCHER_ARM64", &launchers.arm64);
    cargo.env("BALER_SBOMS", workspace::dist().join("sbom"));
    if let Some((compiler, _)) = cross_compiler(target)? {
        let name = target.replace('-', "_");
        let chosen = |variable: &str| std::env::var_os(format!("{variable}_{name}"));
        cargo.env(format!("CC_{name}"), chosen("CC").unwrap_or_else(|| compiler.into()));
        // The compiler is made for glibc: what it would take from there has to stay out.
        let flags = chosen("CFLAGS").unwrap_or_else(|| CROSS_FLAGS.into());
        cargo.env(format!("CFLAGS_{name}"), flags);
    }
    if let Some(commit) = commit() {
        cargo.env("BALER_COMMIT", commit);
    }
    command::run(&mut cargo)?;
    Ok(workspace::target_directory()?.join(target).join("release/baler"))
}

/// The commit that is checked out, for labels; none in a source tree without git.
fn commit() -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(workspace::root()).args(["rev-parse", "--short=12", "HEAD"]);
    command::read(&mut git).ok().map(|commit| commit.trim().to_owned())
}

/// Cargo, told to leave the paths of this machine out of the programs.
pub(crate) fn reproducible_cargo() -> Result<Command> {
    let mut flags = OsString::new();
    for (index, (path, name)) in [(workspace::root(), "baler"), (&cargo_home()?, "cargo")].into_iter().enumerate() {
        if index > 0 {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(path);
        flags.push(format!("={name}"));
    }
    let mut cargo = workspace::cargo();
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", flags);
    if cfg!(not(target_arch = "x86_64")) {
        // As .cargo/config.toml does it for arm64, which is the foreign one on most machines.
        cargo.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld");
    }
    Ok(cargo)
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(directory) = std::env::var_os("CARGO_HOME") {
        return Ok(directory.into());
    }
    let home = std::env::var_os("HOME").context("neither CARGO_HOME nor HOME is set")?;
    Ok(Path::new(&home).join(".cargo"))
}

/// The static target of this machine's own architecture.
pub(crate) fn host_target() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(AMD64),
        "aarch64" => Ok(ARM64),
        other => bail!("baler is built on x86_64 and aarch64, not on {other}"),
    }
}

/// Some crates have C code in them, and Rust brings no C compiler for musl.
fn require_c_compiler(target: &str) -> Result<()> {
    let (compiler, package) = cross_compiler(target)?.unwrap_or(("musl-gcc", "musl-tools"));
    if command::exists(compiler) {
        return Ok(());
    }
    bail!("{compiler} is missing: apt-get install {package}");
}

const CROSS_FLAGS: &str = "-U_FORTIFY_SOURCE -fno-stack-protector";

/// The C compiler for an architecture that is not the one of this machine, and Debian's package of it.
fn cross_compiler(target: &str) -> Result<Option<(&'static str, &'static str)>> {
    Ok(match target {
        _ if target == host_target()? => None,
        AMD64 => Some(("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu libc6-dev-amd64-cross")),
        _ => Some(("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross")),
    })
}

/// Puts a copy of the program `from` at `to`, in one step: a program that is running is replaced, not changed.
pub(crate) fn install(from: &Path, to: &Path) -> Result<()> {
    let directory = to.parent().context("an installed file has a directory")?;
    let partial = tempfile::Builder::new().prefix(".install-").tempdir_in(directory)?;
    let copy = partial.path().join("program");
    fs::copy(from, &copy)?;
    fs::set_permissions(&copy, PermissionsExt::from_mode(0o755))?;
    fs::rename(&copy, to)?;
    Ok(())
}

/// `lifecycle/`: the program under its name there, the phases as links to it, the launcher, and what they are made of.
fn install_lifecycle(dist: &Path, launcher: &Path) -> Result<()> {
    let partial = tempfile::Builder::new().prefix(".lifecycle-").tempdir_in(dist)?;
    let directory = partial.path().join("lifecycle");
    fs::create_dir(&directory)?;
    fs::hard_link(dist.join("baler"), directory.join("lifecycle"))?;
    for phase in PHASES {
        symlink("lifecycle", directory.join(phase)).with_context(|| format!("could not link {phase}"))?;
    }
    install(launcher, &directory.join("launcher"))?;
    for name in sbom::file_names() {
        fs::copy(workspace::dist().join("sbom").join(&name), directory.join(&name))?;
    }
    workspace::replace_directory(&directory, &dist.join("lifecycle"))
}
