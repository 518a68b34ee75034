//! `baler buildpack new`: a directory that is a buildpack, to begin with (platform-behaviour 1.5, 3.5).

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use baler_cnb::api::BuildpackApi;
use baler_image::Platform;
use baler_lifecycle::module_store::RESERVED_IDS;
use baler_platform::modules::{Description, ModuleKind};
use baler_platform::output::{Level, Output as _};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use crate::arguments::BuildpackNewArguments;
use crate::output::Console;

const DETECT: &str = include_str!("detect.sh");
const BUILD: &str = include_str!("build.sh");

pub(crate) fn run(arguments: &BuildpackNewArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let id = &arguments.id;
    check_id(id)?;
    arguments.api.parse::<BuildpackApi>()?;
    let targets = match &arguments.target[..] {
        [] => vec![Platform::host()],
        targets => targets.iter().map(|target| target.parse()).collect::<Result<_, _>>()?,
    };
    let last = id.rsplit('/').next().unwrap_or(id);
    let directory = arguments.path.clone().unwrap_or_else(|| PathBuf::from(last));
    if directory.exists() {
        bail!("directory '{}' exists", directory.display());
    }
    let descriptor = descriptor(arguments, &targets);
    Description::parse(ModuleKind::Buildpack, "buildpack.toml".into(), &descriptor)?;
    let files =
        [("buildpack.toml", descriptor.as_str(), 0o644), ("bin/build", BUILD, 0o755), ("bin/detect", DETECT, 0o755)];
    make(&directory, &files).with_context(|| format!("could not make the buildpack '{id}'"))?;
    for (name, ..) in files {
        console.result(&format!("    create  {name}"));
    }
    console.result(&format!("Successfully created {id}"));
    let path = if directory.is_absolute() { directory } else { Path::new(".").join(directory) };
    let tip =
        format!("Tip: Run 'baler build <image-name> --builder <builder> --buildpack {}' to try it", path.display());
    console.line(Level::Info, &tip);
    Ok(ExitCode::SUCCESS)
}

/// What is no directory name in the end cannot be put into a builder.
fn check_id(id: &str) -> anyhow::Result<()> {
    let is_part = |part: &str| {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        part.bytes().all(is_fine) && part.bytes().any(|byte| byte.is_ascii_alphanumeric())
    };
    if id.split('/').all(is_part) && !RESERVED_IDS.contains(&id) {
        return Ok(());
    }
    bail!("'{id}' cannot be the id of a buildpack: it is made of letters, digits and `._-`, as in example/node")
}

fn descriptor(arguments: &BuildpackNewArguments, targets: &[Platform]) -> String {
    let mut document = DocumentMut::new();
    document["api"] = value(&arguments.api);
    document["buildpack"] =
        Item::Table(Table::from_iter([("id", value(&arguments.id)), ("version", value(&arguments.version))]));
    let table = |target: &Platform| {
        let mut table = Table::from_iter([("os", value(&target.os)), ("arch", value(&target.architecture))]);
        if let Some(variant) = &target.variant {
            table.insert("variant", value(variant));
        }
        table
    };
    document["targets"] = Item::ArrayOfTables(targets.iter().map(table).collect::<ArrayOfTables>());
    document.to_string()
}

/// Makes the directory: whole, or not at all.
fn make(directory: &Path, files: &[(&str, &str, u32)]) -> io::Result<()> {
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    let new =
        tempfile::Builder::new().prefix(".baler-").permissions(Permissions::from_mode(0o755)).tempdir_in(parent)?;
    for (name, text, mode) in files {
        let path = new.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(&path))?;
        fs_err::write(&path, text)?;
        fs_err::set_permissions(&path, Permissions::from_mode(*mode))?;
    }
    fs_err::rename(new.path(), directory)?;
    // Nothing is left to be removed.
    let _ = new.keep();
    Ok(())
}
