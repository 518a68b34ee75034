//! `baler config`: what builds take where nobody says anything else. The messages are those of `pack config`
//! (platform-behaviour 1.7), which scripts read.

mod lists;
mod shown;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::arguments::{ConfigArguments, Setting};
use crate::config::{Config, ConfigError, ConfigFile, Source};
use crate::host;
use crate::output::Console;

pub(crate) use lists::replace_run_image_mirrors;
pub(crate) use values::SetElsewhere;

pub(crate) fn run(arguments: ConfigArguments, console: &Console) -> anyhow::Result<ExitCode> {
    match arguments.setting {
        None => shown::everything(console)?,
        Some(Setting::DefaultBuilder(arguments)) => values::default_builder(&arguments, console)?,
        Some(Setting::PullPolicy(arguments)) => values::pull_policy(&arguments, console)?,
        Some(Setting::LifecycleImage(arguments)) => values::lifecycle_image(&arguments, console)?,
        Some(Setting::Experimental { value }) => values::experimental(value.as_deref(), console)?,
        Some(Setting::RunImageMirrors { command }) => lists::run_image_mirrors(command, console)?,
        Some(Setting::RegistryMirrors { command }) => lists::registry_mirrors(command, console)?,
        Some(Setting::TrustedBuilders { command }) => lists::trusted_builders(command, console)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the file is that these commands change.
pub(crate) fn path() -> Result<PathBuf, ConfigError> {
    Ok(own_file()?.path().to_owned())
}

/// The file that these commands change.
fn own_file() -> Result<ConfigFile, ConfigError> {
    ConfigFile::open(&host::variables(), host::is_called_pack())
}

/// Changes that file, unless `change` says that there was nothing to change; whether there was.
fn change(change: impl FnOnce(&mut ConfigFile) -> bool) -> Result<bool, ConfigError> {
    let mut file = own_file()?;
    let is_changed = change(&mut file);
    if is_changed {
        file.save()?;
    }
    Ok(is_changed)
}

/// Changes that file.
fn set(act: impl FnOnce(&mut ConfigFile)) -> Result<(), ConfigError> {
    change(|file| {
        act(file);
        true
    })
    .map(drop)
}

/// What all files say together.
fn in_effect() -> Result<Config, ConfigError> {
    Config::read(&host::variables())
}

/// What `file` does not decide alone: the other one that is read.
fn other(file: &ConfigFile) -> Result<Option<Source>, ConfigError> {
    Ok(Config::sources(&host::variables())?.into_iter().find(|source| source.path != file.path()))
}
