//! One file per command: what was typed becomes a request, and the answer becomes text.

mod build;
mod builder_create;
mod builder_inspect;
mod builder_suggest;
mod buildpack_new;
mod completion;
pub(crate) mod config;
mod dev_registry;
mod doctor;
pub(crate) mod format;
mod images;
mod inspect;
mod load;
mod login;
mod module_inspect;
mod module_listing;
mod older;
mod package;
mod password;
pub(crate) mod prune;
mod pull;
mod push;
mod rebase;
mod remove;
mod report;
mod resolve;
mod run;
mod save;
mod sbom;
mod sides;
mod tag;
mod version;

use std::process::ExitCode;

use baler_platform::modules::ModuleKind;

use crate::arguments::{
    Arguments, BuilderArguments, BuildpackArguments, CommandArguments, DevArguments, ExtensionArguments, SbomArguments,
};
use crate::output::Console;

/// Runs the command that was typed.
pub(crate) fn run(arguments: Arguments, console: &Console) -> anyhow::Result<ExitCode> {
    run_command(arguments.command, console)
}

fn run_command(command: CommandArguments, console: &Console) -> anyhow::Result<ExitCode> {
    match command {
        CommandArguments::Build(arguments) => build::run(*arguments, console),
        CommandArguments::Builder(BuilderArguments::Create(arguments)) => builder_create::run(arguments, console),
        CommandArguments::Builder(BuilderArguments::Inspect(arguments)) => builder_inspect::run(arguments, console),
        CommandArguments::Builder(BuilderArguments::Suggest) => Ok(builder_suggest::run(console)),
        CommandArguments::Buildpack(BuildpackArguments::New(arguments)) => buildpack_new::run(&arguments, console),
        CommandArguments::Buildpack(BuildpackArguments::Package(arguments)) => {
            package::run(ModuleKind::Buildpack, arguments, console)
        }
        CommandArguments::Buildpack(BuildpackArguments::Inspect(arguments)) => {
            module_inspect::run(ModuleKind::Buildpack, arguments.module, arguments.depth, console)
        }
        CommandArguments::Completion { shell } => completion::run(shell, console),
        CommandArguments::Report { explicit } => report::run(explicit, console),
        CommandArguments::Version => Ok(version::run(console)),
        CommandArguments::Older(arguments) => older::run(arguments, console),
        CommandArguments::Extension(ExtensionArguments::Package(arguments)) => {
            package::run(ModuleKind::Extension, arguments, console)
        }
        CommandArguments::Extension(ExtensionArguments::Inspect(arguments)) => {
            module_inspect::run(ModuleKind::Extension, arguments, 0, console)
        }
        CommandArguments::Run(arguments) => run::run(arguments, console),
        CommandArguments::Doctor(arguments) => doctor::run(&arguments, console),
        CommandArguments::Config(arguments) => config::run(arguments, console),
        CommandArguments::Images(arguments) => images::run(&arguments, console),
        CommandArguments::Inspect(arguments) => inspect::run(arguments, console),
        CommandArguments::Rm(arguments) => remove::run(&arguments, console),
        CommandArguments::Prune(arguments) => prune::run(&arguments, console),
        CommandArguments::Load(arguments) => load::run(&arguments, console),
        CommandArguments::Pull(arguments) => pull::run(arguments, console),
        CommandArguments::Push(arguments) => push::run(arguments, console),
        CommandArguments::Resolve(arguments) => resolve::run(arguments, console),
        CommandArguments::Rebase(arguments) => rebase::run(arguments, console),
        CommandArguments::Tag(arguments) => tag::run(&arguments, console),
        CommandArguments::Sbom(SbomArguments::Download(arguments)) => sbom::run(arguments, console),
        CommandArguments::Save(arguments) => save::run(&arguments, console),
        CommandArguments::Login(arguments) => login::login(&arguments, console),
        CommandArguments::Logout(arguments) => login::logout(&arguments, console),
        CommandArguments::Dev(DevArguments::Registry(arguments)) => dev_registry::run(&arguments, console),
    }
}
