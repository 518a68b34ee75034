//! Commands under their older names: the newer one is named, and run.

use std::process::ExitCode;

use baler_platform::output::{Level, Output as _};

use super::config;
use crate::arguments::{
    BuilderArguments, BuildpackArguments, CommandArguments, ConfigArguments, OlderArguments, Setting,
    TrustedBuildersArguments, ValueArguments,
};
use crate::host;
use crate::output::Console;

pub(crate) fn run(arguments: OlderArguments, console: &Console) -> anyhow::Result<ExitCode> {
    // pack says nothing of these two.
    let is_told = !matches!(arguments, OlderArguments::InspectBuilder(_) | OlderArguments::InspectBuildpack(_));
    if is_told {
        let (older, newer) = names(&arguments);
        let program = host::called();
        let text = format!("Command '{program} {older}' has been deprecated, please use '{program} {newer}' instead");
        console.line(Level::Warning, &text);
    }
    let trusted = |command| Setting::TrustedBuilders { command: Some(command) };
    let command = match arguments {
        OlderArguments::CreateBuilder(arguments) => CommandArguments::Builder(BuilderArguments::Create(arguments)),
        OlderArguments::InspectBuilder(arguments) => CommandArguments::Builder(BuilderArguments::Inspect(arguments)),
        OlderArguments::PackageBuildpack(arguments) => {
            CommandArguments::Buildpack(BuildpackArguments::Package(arguments))
        }
        OlderArguments::InspectBuildpack(arguments) => {
            CommandArguments::Buildpack(BuildpackArguments::Inspect(arguments))
        }
        OlderArguments::SuggestBuilders | OlderArguments::SetDefaultBuilder { builder: None } => {
            CommandArguments::Builder(BuilderArguments::Suggest)
        }
        OlderArguments::SetDefaultBuilder { builder } => {
            of_config(Setting::DefaultBuilder(ValueArguments { value: builder, unset: false }))
        }
        OlderArguments::SetRunImageMirrors { image, mirror } => {
            config::replace_run_image_mirrors(&image, &mirror, console)?;
            return Ok(ExitCode::SUCCESS);
        }
        OlderArguments::TrustBuilder { builder } => of_config(trusted(TrustedBuildersArguments::Add { builder })),
        OlderArguments::UntrustBuilder { builder } => of_config(trusted(TrustedBuildersArguments::Remove { builder })),
        OlderArguments::ListTrustedBuilders => of_config(trusted(TrustedBuildersArguments::List)),
    };
    super::run_command(command, console)
}

fn of_config(setting: Setting) -> CommandArguments {
    CommandArguments::Config(ConfigArguments { setting: Some(setting) })
}

/// The name of a command, and that of the one which took its place.
fn names(arguments: &OlderArguments) -> (&'static str, &'static str) {
    match arguments {
        OlderArguments::CreateBuilder(_) => ("create-builder", "builder create"),
        OlderArguments::InspectBuilder(_) => ("inspect-builder", "builder inspect"),
        OlderArguments::SuggestBuilders => ("suggest-builders", "builder suggest"),
        OlderArguments::PackageBuildpack(_) => ("package-buildpack", "buildpack package"),
        OlderArguments::InspectBuildpack(_) => ("inspect-buildpack", "buildpack inspect"),
        OlderArguments::SetDefaultBuilder { .. } => ("set-default-builder", "config default-builder"),
        OlderArguments::SetRunImageMirrors { .. } => ("set-run-image-mirrors", "config run-image-mirrors"),
        OlderArguments::TrustBuilder { .. } => ("trust-builder", "config trusted-builders add"),
        OlderArguments::UntrustBuilder { .. } => ("untrust-builder", "config trusted-builders remove"),
        OlderArguments::ListTrustedBuilders => ("list-trusted-builders", "config trusted-builders list"),
    }
}
