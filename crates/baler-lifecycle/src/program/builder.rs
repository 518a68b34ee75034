//! The program `builder`.

use std::os::fd::AsFd as _;

use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::GroupFile;
use baler_cnb::plan::PlanFile;

use super::between::target;
use super::failure::{Failure, code};
use super::privileges::refuse_root;
use super::{Context, Flag};
use crate::build::{BuildError, BuildInputs, BuildResult, build};
use crate::toml_file::{read_toml, write_whole};

/// Its flags.
pub(super) const FLAGS: &[Flag] = &[
    Flag::text("analyzed", "path to analyzed.toml").since(12),
    Flag::text("app", "path to app directory"),
    Flag::text("build-config", "path to build config directory").since(11),
    Flag::text("buildpacks", "path to buildpacks directory"),
    Flag::text("group", "path to group.toml"),
    Flag::text("layers", "path to layers directory"),
    Flag::text("plan", "path to plan.toml"),
    Flag::text("platform", "path to platform directory"),
];

/// Runs build.
pub(super) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let settings = context.settings;
    settings.refuse_positionals()?;
    refuse_root("build")?;
    context.watch_signals()?;
    run_buildpacks(context)
}

/// Builds, and writes metadata.toml.
pub(super) fn run_buildpacks(context: &Context<'_>) -> Result<(), Failure> {
    let settings = context.settings;
    let inputs = inputs(context)?;
    let result: BuildResult = build(&inputs, context.log).map_err(failure)?;
    let path = inputs.layers_directory.join("config").join("metadata.toml");
    let text = result.metadata_toml(PlatformFeatures::for_api(settings.platform_api));
    let text = text.map_err(|error| Failure::new(code::BUILD, error))?;
    write_whole(&path, text.as_bytes()).map_err(|error| Failure::new(code::BUILD, error))
}

fn inputs(context: &Context<'_>) -> Result<BuildInputs, Failure> {
    let settings = context.settings;
    let group: GroupFile = read_toml(&settings.group_path()).map_err(|error| Failure::new(code::FAILED, error))?;
    let plan: PlanFile = read_toml(&settings.plan_path()).map_err(|error| Failure::new(code::FAILED, error))?;
    let output = std::io::stdout().as_fd().try_clone_to_owned().map_err(|error| Failure::new(code::FAILED, error))?;
    Ok(BuildInputs {
        platform_api: settings.platform_api,
        store: settings.module_store(),
        group,
        plan,
        app_directory: settings.app_directory(),
        layers_directory: settings.layers_directory(),
        platform_directory: settings.platform_directory(),
        build_config_directory: settings.build_config_directory(),
        target: target(context)?,
        exec_env: settings.exec_env(),
        environment: settings.environment.clone(),
        temporary_directory: settings.temporary_directory(),
        output: output.into(),
        interrupt: context.interrupt.clone(),
    })
}

fn failure(error: BuildError) -> Failure {
    let code = match &error {
        BuildError::Failed { .. } | BuildError::Run { .. } => code::BUILDPACK,
        BuildError::Api(_) => code::BUILDPACK_API,
        BuildError::Interrupted => code::FAILED,
        BuildError::LookUp(_)
        | BuildError::Composite(_)
        | BuildError::Environment(_)
        | BuildError::Output { .. }
        | BuildError::FileSystem { .. }
        | BuildError::Plan { .. }
        | BuildError::BillOfMaterials(_)
        | BuildError::Write(_) => code::BUILD,
    };
    Failure::new(code, error).to("build")
}
