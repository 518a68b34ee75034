//! Generate, as the end of the program `detector`: analyzed.toml and plan.toml change by what extensions want.

use std::os::fd::AsFd as _;

use baler_cnb::analyzed::Analyzed;

use super::between::write_plan;
use super::failure::{Failure, code};
use super::{Context, run_images};
use crate::detect::{DetectInputs, Detection};
use crate::generate::{GenerateError, GenerateInputs, generate};
use crate::toml_file::{read_optional_toml, write_toml};

/// Runs the extensions of the group.
pub(super) fn run(context: &Context<'_>, inputs: &DetectInputs, detection: Detection) -> Result<(), Failure> {
    let failed = |error| Failure::new(code::FAILED, error);
    let path = context.settings.analyzed_path();
    let before: Analyzed = read_optional_toml(&path).map_err(failed)?.unwrap_or_default();
    let inputs = generate_inputs(context, inputs, detection, &before)?;
    let generation = generate(&inputs, context.log).map_err(failure)?;
    if generation.plan != inputs.plan {
        write_plan(context, &generation.plan)?;
    }
    let mut after = before.clone();
    generation.apply_to(&mut after);
    if after != before {
        write_toml(&path, &after).map_err(|error| Failure::new(code::FAILED, error))?;
    }
    Ok(())
}

fn generate_inputs(
    context: &Context<'_>,
    inputs: &DetectInputs,
    detection: Detection,
    analyzed: &Analyzed,
) -> Result<GenerateInputs, Failure> {
    let output = std::io::stdout().as_fd().try_clone_to_owned().map_err(|error| Failure::new(code::FAILED, error))?;
    let (run, _) = run_images::files(context)?;
    Ok(GenerateInputs {
        platform_api: inputs.platform_api,
        store: inputs.store.clone(),
        extensions: detection.group.group_extensions,
        plan: detection.plan,
        run_image: analyzed.run_image.as_ref().map(|run_image| run_image.image.clone()).unwrap_or_default(),
        run,
        app_directory: inputs.app_directory.clone(),
        platform_directory: inputs.platform_directory.clone(),
        build_config_directory: inputs.build_config_directory.clone(),
        generated_directory: context.settings.generated_directory(),
        target: inputs.target.clone(),
        exec_env: inputs.exec_env.clone(),
        environment: inputs.environment.clone(),
        temporary_directory: inputs.temporary_directory.clone(),
        output: output.into(),
        interrupt: inputs.interrupt.clone(),
    })
}

fn failure(error: GenerateError) -> Failure {
    let code = match &error {
        GenerateError::Failed { .. } | GenerateError::Run { .. } => code::EXTENSION,
        GenerateError::Api(_) => code::BUILDPACK_API,
        GenerateError::Interrupted => code::FAILED,
        GenerateError::LookUp(_)
        | GenerateError::Environment(_)
        | GenerateError::Output { .. }
        | GenerateError::Plan { .. }
        | GenerateError::TemporaryDirectory { .. }
        | GenerateError::Place(_) => code::GENERATE,
    };
    Failure::new(code, error).to("generate")
}
