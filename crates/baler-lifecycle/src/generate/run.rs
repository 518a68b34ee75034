//! Runs `bin/generate` of one extension, or takes what it has ready.

use std::path::{Path, PathBuf};

use baler_cnb::buildpack::escape_id;
use baler_cnb::environment::Environment;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::GroupElement;
use baler_cnb::plan::BuildpackPlan;
use fs_err as fs;
use tempfile::TempDir;

use super::GenerateInputs;
use super::error::GenerateError;
use super::output::Output;
use super::place::copy_tree;
use crate::files::{FileError, remove_tree};
use crate::log::Log;
use crate::module_process::{ModuleCommand, RunError};
use crate::module_store::{Module, ModuleKind};
use crate::platform_env::{ModuleVariables, UserEnvironment, passed_on};
use crate::toml_file::write_toml;

/// Runs extensions.
pub(super) struct Runner<'a> {
    inputs: &'a GenerateInputs,
    features: PlatformFeatures,
    user_environment: UserEnvironment,
    /// What extensions see of the lifecycle's own environment; what one does changes it for none of the others.
    base: Environment,
    /// Plans, and before Platform API 0.13 what the extensions write.
    temporary: TempDir,
}

impl<'a> Runner<'a> {
    pub(super) fn new(inputs: &'a GenerateInputs, features: PlatformFeatures) -> Result<Self, GenerateError> {
        let user_environment = UserEnvironment::read(&inputs.platform_directory, &inputs.build_config_directory)?;
        let path = &inputs.temporary_directory;
        let temporary = tempfile::Builder::new()
            .prefix("generate.")
            .tempdir_in(path)
            .map_err(|source| GenerateError::TemporaryDirectory { path: path.clone(), source })?;
        Ok(Self { inputs, features, user_environment, base: passed_on(&inputs.environment), temporary })
    }

    /// Runs the extension `element`, which is to meet the requirements in `plan`, and reads what it wrote.
    pub(super) fn run(
        &self,
        element: &GroupElement,
        plan: &BuildpackPlan,
        log: &dyn Log,
    ) -> Result<Output, GenerateError> {
        let store = &self.inputs.store;
        let module = store.find(ModuleKind::Extension, &element.id, &element.version).map_err(GenerateError::LookUp)?;
        let name = escape_id(&element.id);
        let directory = match module.directory.join("bin/generate") {
            program if program.exists() => {
                let output = self.empty_directory(&name)?;
                self.execute(&module, &program, plan, &output)?;
                output
            }
            _ => self.ready_made(&module, &name)?,
        };
        let has_contexts = self.features.generated_per_extension && module.features()?.extension_contexts;
        let failed = |source| GenerateError::Output { extension: element.full_name(), source };
        Output::read(name, directory, has_contexts, log).map_err(failed)
    }

    /// The output directory of an extension: where the extender looks for it, but before Platform API 0.13 another.
    fn empty_directory(&self, name: &str) -> Result<PathBuf, GenerateError> {
        let parent = if self.features.generated_per_extension {
            self.inputs.generated_directory.clone()
        } else {
            self.temporary.path().join("generated")
        };
        let directory = parent.join(name);
        // An earlier run may have left something.
        remove_tree(&directory)?;
        fs::create_dir_all(&directory).map_err(FileError::because("create directory", &directory))?;
        Ok(directory)
    }

    /// The directory `generate` of an extension without `bin/generate` is what it would have written.
    fn ready_made(&self, module: &Module, name: &str) -> Result<PathBuf, GenerateError> {
        let ready = module.directory.join("generate");
        if !self.features.generated_per_extension {
            return Ok(ready);
        }
        let directory = self.empty_directory(name)?;
        if ready.is_dir() {
            copy_tree(&ready, &directory)?;
        }
        Ok(directory)
    }

    fn execute(
        &self,
        module: &Module,
        program: &Path,
        plan: &BuildpackPlan,
        output: &Path,
    ) -> Result<(), GenerateError> {
        let inputs = self.inputs;
        let extension = || module.info.full_name();
        let plan_path = self.temporary.path().join(format!("{}.plan.toml", escape_id(&module.info.id)));
        write_toml(&plan_path, plan).map_err(|source| GenerateError::Plan { extension: extension(), source })?;
        let variables = ModuleVariables {
            platform_directory: &inputs.platform_directory,
            target: &inputs.target,
            exec_env: &inputs.exec_env,
        };
        let mut environment = self.user_environment.for_module(&self.base, module, &variables)?;
        environment.set("CNB_PLATFORM_DIR", &inputs.platform_directory);
        environment.set("CNB_BP_PLAN_PATH", &plan_path);
        environment.set("CNB_OUTPUT_DIR", output);
        let command = ModuleCommand {
            program,
            arguments: vec![output.into(), inputs.platform_directory.clone().into(), plan_path.into()],
            environment: &environment,
            directory: &inputs.app_directory,
            output: &inputs.output,
        };
        match command.run(&inputs.interrupt) {
            Ok(ending) if ending.is_success() => Ok(()),
            Ok(ending) => Err(GenerateError::Failed { extension: extension(), program: program.to_owned(), ending }),
            Err(RunError::Interrupted) => Err(GenerateError::Interrupted),
            Err(source) => Err(GenerateError::Run { extension: extension(), source }),
        }
    }
}
