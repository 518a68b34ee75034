//! Runs one buildpack and reads what it wrote.

use baler_cnb::build::BuildFile;
use baler_cnb::features::BuildpackFeatures;
use baler_cnb::group::GroupElement;
use baler_cnb::launch::LaunchFile;
use baler_cnb::plan::BuildpackPlan;
use fs_err as fs;
use std::path::{Path, PathBuf};

use super::error::{BuildError, BuildpackOutputError};
use super::{BuildInputs, BuildpackResult, State, launch, layers, requirements, sbom};
use crate::log::Log;
use crate::module_process::{ModuleCommand, RunError};
use crate::module_store::{Module, ModuleKind};
use crate::platform_env::{ModuleVariables, UserEnvironment};
use crate::toml_file::{read_optional_toml, write_toml};

/// Runs the buildpack `element`; what its build layers add goes to the environment in `state`.
pub(super) fn run_buildpack(
    inputs: &BuildInputs,
    user_environment: &UserEnvironment,
    state: &mut State,
    element: &GroupElement,
    log: &dyn Log,
) -> Result<BuildpackResult, BuildError> {
    let module = inputs.store.find(ModuleKind::Buildpack, &element.id, &element.version).map_err(BuildError::LookUp)?;
    if !module.order.is_empty() {
        return Err(BuildError::Composite(element.full_name()));
    }
    let plan = state.plan.requirements_for(&element.id, false);
    let directory = inputs.layers_directory.join(baler_cnb::buildpack::escape_id(&element.id));
    fs::create_dir_all(&directory).map_err(|source| BuildError::FileSystem {
        operation: "make the layers directory",
        path: directory.clone(),
        source,
    })?;
    let buildpack = Buildpack { element, module: &module, features: module.features()?, directory };
    buildpack.execute(inputs, user_environment, state, &plan)?;
    let output = |source| BuildError::Output { buildpack: element.full_name(), source };
    buildpack.read(state, &plan, log).map_err(output)
}

/// A buildpack at work.
struct Buildpack<'a> {
    element: &'a GroupElement,
    module: &'a Module,
    features: BuildpackFeatures,
    /// Its layers directory.
    directory: PathBuf,
}

impl Buildpack<'_> {
    fn execute(
        &self,
        inputs: &BuildInputs,
        user_environment: &UserEnvironment,
        state: &State,
        plan: &BuildpackPlan,
    ) -> Result<(), BuildError> {
        let buildpack = || self.element.full_name();
        let temporary = &inputs.temporary_directory;
        let plan_directory = tempfile::Builder::new().prefix("plan.").tempdir_in(temporary).map_err(|source| {
            BuildError::FileSystem { operation: "make a temporary directory in", path: temporary.clone(), source }
        })?;
        let plan_path = plan_directory.path().join("plan.toml");
        write_toml(&plan_path, plan).map_err(|source| BuildError::Plan { buildpack: buildpack(), source })?;

        let variables = ModuleVariables {
            platform_directory: &inputs.platform_directory,
            target: &inputs.target,
            exec_env: &inputs.exec_env,
        };
        let mut environment = user_environment.for_module(&state.environment, self.module, &variables)?;
        if self.features.inputs_as_variables {
            environment.set("CNB_BP_PLAN_PATH", &plan_path);
            environment.set("CNB_LAYERS_DIR", &self.directory);
        }
        let program = self.module.directory.join("bin/build");
        let command = ModuleCommand {
            program: &program,
            arguments: vec![self.directory.clone().into(), inputs.platform_directory.clone().into(), plan_path.into()],
            environment: &environment,
            directory: &inputs.app_directory,
            output: &inputs.output,
        };
        match command.run(&inputs.interrupt) {
            Ok(ending) if ending.is_success() => Ok(()),
            Ok(ending) => Err(BuildError::Failed { buildpack: buildpack(), program, ending }),
            Err(RunError::Interrupted) => Err(BuildError::Interrupted),
            Err(source) => Err(BuildError::Run { buildpack: buildpack(), source }),
        }
    }

    fn read(
        &self,
        state: &mut State,
        plan: &BuildpackPlan,
        log: &dyn Log,
    ) -> Result<BuildpackResult, BuildpackOutputError> {
        let layers = layers::read_layers(&self.directory)?;
        layers::put_ignored_aside(&layers)?;
        layers::extend_environment(&mut state.environment, &layers)?;

        let build_path = self.directory.join("build.toml");
        let build: BuildFile = read_optional_toml(&build_path)?.unwrap_or_default();
        let met = requirements::met(plan, &build.unmet, &build_path)?;
        let sbom_files = sbom::find(&self.directory, &self.element.id, &self.module.info.sbom_formats, &layers)?;
        let launch_path = self.directory.join("launch.toml");
        let launch: LaunchFile = read_optional_toml(&launch_path)?.unwrap_or_default();
        self.warn_of_bom(&build, &launch, log);
        let launch_bom = launch.bom.clone();
        let launch = self.check_launch(launch, &launch_path, log)?;
        Ok(BuildpackResult { met, launch, build_bom: build.bom, launch_bom, sbom_files })
    }

    fn check_launch(
        &self,
        file: LaunchFile,
        path: &Path,
        log: &dyn Log,
    ) -> Result<launch::Launch, BuildpackOutputError> {
        let rules = launch::Rules { features: self.features, api: &self.module.api, buildpack_id: &self.element.id };
        let (launch, dropped) = rules.check(file, path)?;
        for process_type in dropped {
            log.warn(&format!(
                "process working directory isn't supported in this buildpack api version. Ignoring working \
                 directory for process '{process_type}'"
            ));
        }
        Ok(launch)
    }

    fn warn_of_bom(&self, build: &BuildFile, launch: &LaunchFile, log: &dyn Log) {
        for (file, bom) in [("build.toml", &build.bom), ("launch.toml", &launch.bom)] {
            if !bom.is_empty() {
                log.warn(&format!(
                    "buildpack {}: the bom table in {file} is deprecated; write <layer>.sbom.<ext>, launch.sbom.<ext> \
                     or build.sbom.<ext> instead",
                    self.element.full_name()
                ));
            }
        }
    }
}
