//! `baler buildpack package` and `baler extension package`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use baler_image::{ImageName, Target};
use baler_platform::modules::ModuleKind;
use baler_platform::output::{Level, Output as _};
use baler_platform::packages::{PackageFormat, PackageRequest, PackageSource, Packaged, package};

use super::builder_create::{host, labels, warn_of_suffix};
use crate::arguments::{PackageArguments, PackageFormatArgument};
use crate::output::Console;

pub(crate) fn run(kind: ModuleKind, arguments: PackageArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let request = request(kind, &arguments, console)?;
    let host = host(arguments.publish, arguments.pull_policy.as_deref(), arguments.registry.insecure_registry)?;
    let packaged = package(&host.context(console, None)?, &request)?;
    for package in packaged {
        let (name, place, digest) = match package {
            Packaged::Image { name, digest } => (name.to_string(), place(&name, arguments.publish), digest),
            Packaged::File { path, digest } => (path.display().to_string(), "file".to_owned(), digest),
        };
        if console.is_quiet() {
            console.result(&format!("{name}@{digest}"));
        } else {
            let done = if arguments.publish { "published" } else { "created" };
            console.result(&format!("Successfully {done} package '{name}' and saved to {place}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn place(name: &ImageName, is_published: bool) -> String {
    match name.target() {
        Target::Reference(_) if is_published => "registry".to_owned(),
        Target::Reference(_) => "the local store".to_owned(),
        Target::Layout { path, .. } => format!("the OCI layout {}", path.display()),
        Target::Archive { path, .. } => format!("the archive {}", path.display()),
        Target::Daemon { engine, .. } => engine.to_string(),
    }
}

fn request(kind: ModuleKind, arguments: &PackageArguments, console: &Console) -> anyhow::Result<PackageRequest> {
    let source = match (&arguments.config, &arguments.path) {
        (Some(_), Some(_)) => bail!(
            "--config and --path cannot be used together. Please specify the relative path to the Buildpack directory in the package config file."
        ),
        (Some(config), None) => PackageSource::Config(config.clone()),
        (None, Some(path)) => PackageSource::Directory(path.clone()),
        (None, None) => {
            PackageSource::Directory(std::env::current_dir().context("could not find the current directory")?)
        }
    };
    if arguments.publish && matches!(arguments.format, PackageFormatArgument::File) {
        bail!("--publish and --format file cannot be used together: a file is not in a registry");
    }
    let format = match arguments.format {
        PackageFormatArgument::File => PackageFormat::File(file_name(&arguments.name, console)),
        PackageFormatArgument::Image => {
            let names = std::iter::once(&arguments.name).chain(&arguments.tag).map(|name| name.parse());
            PackageFormat::Image {
                names: names.collect::<Result<_, _>>()?,
                is_published: arguments.publish,
                names_parts: arguments.append_image_name_suffix,
            }
        }
    };
    warn_of_suffix(arguments.append_image_name_suffix, arguments.publish, console);
    let targets = arguments.target.iter().map(|target| target.parse()).collect::<Result<_, _>>()?;
    Ok(PackageRequest { kind, source, format, targets, labels: labels(&arguments.label)? })
}

/// A file without an extension gets the usual one.
fn file_name(name: &str, console: &Console) -> PathBuf {
    let path = Path::new(name);
    match path.extension() {
        None => PathBuf::from(format!("{name}.cnb")),
        Some(extension) if extension == "cnb" => path.to_owned(),
        Some(extension) => {
            let text = format!(
                "'.{}' is not a valid extension for a packaged buildpack. Packaged buildpacks must have a '.cnb' extension",
                extension.display()
            );
            console.line(Level::Warning, &text);
            path.to_owned()
        }
    }
}
