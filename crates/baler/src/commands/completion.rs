//! `baler completion`: the script with which a shell completes commands and flags.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::config;
use crate::arguments::{Arguments, ShellArgument};
use crate::host;
use crate::output::Console;

pub(crate) fn run(shell: ShellArgument, console: &Console) -> anyhow::Result<ExitCode> {
    let (shell, extension) = match shell {
        ShellArgument::Bash => (Shell::Bash, "sh"),
        ShellArgument::Zsh => (Shell::Zsh, "zsh"),
        ShellArgument::Fish => (Shell::Fish, "fish"),
        ShellArgument::PowerShell => (Shell::PowerShell, "ps1"),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), host::called(), &mut script);
    if !host::is_called_pack() {
        console.raw(&script).context("could not write the script")?;
        return Ok(ExitCode::SUCCESS);
    }
    // `. $(pack completion)` stands in people's profiles.
    let path = config::path()?.with_file_name(format!("completion.{extension}"));
    fs_err::create_dir_all(path.parent().unwrap_or(&path))?;
    let mut file = baler_store::NewFile::begin(&path)?;
    std::io::Write::write_all(&mut file, &script)?;
    file.commit()?;
    console.result(&path.display().to_string());
    Ok(ExitCode::SUCCESS)
}
