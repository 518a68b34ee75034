//! The program `detector`: detect, and generate where the group has extensions.

use baler_cnb::features::PlatformFeatures;
use baler_cnb::order::{OrderFile, SystemFile};

use super::between::{target, write_plan};
use super::failure::{Failure, code};
use super::privileges::refuse_root;
use super::{Context, Flag, experimental, generator};
use crate::detect::{DetectError, DetectInputs, Detection, detect};
use crate::toml_file::{read_optional_toml, read_toml, write_toml};

/// Its flags.
pub(super) const FLAGS: &[Flag] = &[
    Flag::text("analyzed", "path to analyzed.toml").since(10),
    Flag::text("app", "path to app directory"),
    Flag::text("build-config", "path to build config directory").since(11),
    Flag::text("buildpacks", "path to buildpacks directory"),
    Flag::text("extensions", "path to extensions directory").since(10),
    Flag::text("generated", "path to output directory").since(10),
    Flag::text("group", "path to group.toml"),
    Flag::text("layers", "path to layers directory"),
    Flag::text("order", "path to order.toml"),
    Flag::text("plan", "path to plan.toml"),
    Flag::text("platform", "path to platform directory"),
    Flag::text("run", "path to run.toml").since(12),
    Flag::text("system", "path to system.toml").since(15),
];

/// Runs detect.
pub(super) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let settings = context.settings;
    settings.refuse_positionals()?;
    refuse_root("detect")?;
    context.watch_signals()?;
    let inputs = inputs(context)?;
    let detection = detect_and_write(context, &inputs)?;
    if detection.group.group_extensions.is_empty() {
        return Ok(());
    }
    generator::run(context, &inputs, detection)
}

/// Detects, and writes group.toml and plan.toml.
pub(super) fn find_group(context: &Context<'_>) -> Result<Detection, Failure> {
    detect_and_write(context, &inputs(context)?)
}

fn detect_and_write(context: &Context<'_>, inputs: &DetectInputs) -> Result<Detection, Failure> {
    let features = PlatformFeatures::for_api(context.settings.platform_api);
    if features.extensions && !features.extensions_are_stable && !inputs.order.order_extensions.is_empty() {
        experimental::allow(context, "Dockerfiles")?;
    }
    let detection = detect(inputs, context.log).map_err(|error| failure(error, context))?;
    let path = context.settings.group_path();
    write_toml(&path, &detection.group).map_err(|error| Failure::new(code::FAILED, error))?;
    write_plan(context, &detection.plan)?;
    Ok(detection)
}

fn inputs(context: &Context<'_>) -> Result<DetectInputs, Failure> {
    let settings = context.settings;
    let order: OrderFile = read_toml(&settings.order_path()).map_err(|error| Failure::new(code::FAILED, error))?;
    let has_system = PlatformFeatures::for_api(settings.platform_api).system_buildpacks;
    let system: Option<SystemFile> = if has_system {
        read_optional_toml(&settings.system_path()).map_err(|error| Failure::new(code::FAILED, error))?
    } else {
        None
    };
    Ok(DetectInputs {
        platform_api: settings.platform_api,
        store: settings.module_store(),
        order,
        system: system.unwrap_or_default().system,
        app_directory: settings.app_directory(),
        platform_directory: settings.platform_directory(),
        build_config_directory: settings.build_config_directory(),
        target: target(context)?,
        exec_env: settings.exec_env(),
        environment: settings.environment.clone(),
        temporary_directory: settings.temporary_directory(),
        concurrency: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        interrupt: context.interrupt.clone(),
    })
}

fn failure(error: DetectError, context: &Context<'_>) -> Failure {
    let code = match &error {
        DetectError::NoGroup => code::NO_GROUP,
        DetectError::NoGroupAndErrors => code::NO_GROUP_AND_ERRORS,
        DetectError::Api(_) => code::BUILDPACK_API,
        // What a signal ends gets another code later.
        DetectError::Order(_) | DetectError::TemporaryDirectory { .. } | DetectError::Interrupted => code::FAILED,
        DetectError::Composite { .. } | DetectError::Cycle(_) | DetectError::Environment(_) => code::DETECT,
    };
    if matches!(error, DetectError::NoGroup | DetectError::NoGroupAndErrors) {
        context.log.error("No buildpack groups passed detection.");
    }
    if matches!(error, DetectError::NoGroup) {
        context.log.error("Please check that you are running against the correct path.");
    }
    Failure::new(code, error).to("detect")
}
