//! Runs `bin/detect` of the modules of a group, several at the same time.
//!
//! Buildpack specification, "Detection": exit code 0 is yes, 100 is no, anything else is a failure of the module.

use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use baler_cnb::analyzed::TargetMetadata;
use baler_cnb::buildpack::Target;
use baler_cnb::environment::Environment;
use baler_cnb::features::{BuildpackFeatures, PlatformFeatures};
use baler_cnb::plan::BuildPlan;
use baler_cnb::process::is_eligible;
use fs_err as fs;
use rustix::fs::{MemfdFlags, memfd_create};

use super::candidates::{Content, Element, Key, Slot};
use super::error::{BuildPlanError, DetectError, ModuleFailure};
use super::{DetectInputs, Modules};
use crate::interrupt::Interrupt;
use crate::log::Silent;
use crate::module_process::{Ending, ModuleCommand, RunError};
use crate::module_store::{Module, ModuleApiError, ModuleKind};
use crate::platform_env::{ModuleVariables, UserEnvironment};
use crate::progress::{Activity, Observer, Running, Task};
use crate::target::is_match;
use crate::toml_file::read_toml;

/// What a module answered.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Yes, with its plan.
    Pass(BuildPlan),
    /// No.
    Fail,
    /// Nothing of use: it ended with another code.
    Code(i32),
    /// Nothing of use.
    Failure(ModuleFailure),
}

/// What came of one module.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// What it wrote.
    pub(super) output: String,
}

/// Which modules are looked at at all.
pub(super) struct Eligibility<'a> {
    pub(super) features: PlatformFeatures,
    pub(super) exec_env: &'a str,
}

impl Eligibility<'_> {
    /// What a place of the order holds.
    pub(super) fn look_up(&self, modules: &mut Modules<'_>, slot: &Slot) -> Result<Content, DetectError> {
        let module = modules.find(&slot.key).map_err(|source| match slot.composites.last() {
            Some(composite) => DetectError::Composite { composite: composite.clone(), source },
            None => DetectError::Order(source),
        })?;
        if self.features.exec_env && !is_eligible(&slot.exec_env, self.exec_env) {
            return Ok(Content::NotEligible);
        }
        if !module.order.is_empty() {
            return Ok(Content::Composite(module.order.clone()));
        }
        let has_exec_env = self.features.exec_env && module.features()?.exec_env;
        if has_exec_env && !is_eligible(&module.info.exec_env, self.exec_env) {
            return Ok(Content::NotEligible);
        }
        Ok(Content::Component)
    }
}

/// Runs modules.
pub(super) struct Runner<'a> {
    inputs: &'a DetectInputs,
    features: PlatformFeatures,
    user_environment: UserEnvironment,
    base: Environment,
    /// Holds the build plans that the modules write.
    plans: tempfile::TempDir,
    observer: &'a dyn Observer,
}

impl<'a> Runner<'a> {
    /// A runner for one detect phase.
    pub(super) fn new(
        inputs: &'a DetectInputs,
        features: PlatformFeatures,
        user_environment: UserEnvironment,
        base: Environment,
    ) -> Result<Self, DetectError> {
        let path = &inputs.temporary_directory;
        let plans = tempfile::Builder::new()
            .prefix("plan.")
            .tempdir_in(path)
            .map_err(|source| DetectError::TemporaryDirectory { path: path.clone(), source })?;
        Ok(Self { inputs, features, user_environment, base, plans, observer: &Silent })
    }

    /// The same, with somebody who is told which modules run.
    pub(super) fn observed_by(self, observer: &'a dyn Observer) -> Self {
        Self { observer, ..self }
    }

    /// Runs the modules, as many at a time as the inputs allow.
    pub(super) fn run_all(&self, modules: &[(&Element, &Module)]) -> Result<Vec<(Key, Outcome)>, DetectError> {
        let next = AtomicUsize::new(0);
        let outcomes = Mutex::new(Vec::with_capacity(modules.len()));
        let work = || {
            while let Some((element, module)) = modules.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = self.run(element, module);
                outcomes.lock().expect("no holder of the lock panics").push((element.key.clone(), outcome));
            }
        };
        let threads = self.inputs.concurrency.clamp(1, modules.len().max(1));
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        if self.inputs.interrupt.signal().is_some() {
            return Err(DetectError::Interrupted);
        }
        let outcomes = outcomes.into_inner().expect("no holder of the lock panics");
        outcomes.into_iter().map(|(key, outcome)| Ok((key, outcome?))).collect()
    }

    fn run(&self, element: &Element, module: &Module) -> Result<Outcome, ModuleApiError> {
        let inputs = self.inputs;
        let fits = || module.targets.iter().any(|target| is_match(&inputs.target, target));
        if self.features.targets && !element.optional && !fits() {
            let verdict = Verdict::Failure(target_failure(module, &inputs.target));
            return Ok(Outcome { verdict, output: String::new() });
        }
        let variables = ModuleVariables {
            platform_directory: &inputs.platform_directory,
            target: &inputs.target,
            exec_env: &inputs.exec_env,
        };
        let environment = self.user_environment.for_module(&self.base, module, &variables)?;
        let program = module.directory.join("bin/detect");
        if module.kind == ModuleKind::Extension && !program.exists() {
            return Ok(passed_without_program(module));
        }
        let run = SingleRun { module, program: &program, environment, features: module.features()? };
        let running = Running::begin(self.observer, Task::new(Activity::Detect, module.info.full_name()), None);
        let (verdict, output) = run.run(inputs, self.plans.path());
        running.done();
        Ok(Outcome { verdict, output })
    }
}

/// An extension without `bin/detect` passes; its plan lies beside.
fn passed_without_program(module: &Module) -> Outcome {
    let path = module.directory.join("detect/plan.toml");
    let verdict = if path.exists() { read_plan(module, &path) } else { Verdict::Pass(BuildPlan::default()) };
    Outcome { verdict, output: String::new() }
}

/// One `bin/detect`.
struct SingleRun<'a> {
    module: &'a Module,
    program: &'a Path,
    environment: Environment,
    features: BuildpackFeatures,
}

impl SingleRun<'_> {
    fn run(mut self, inputs: &DetectInputs, plans: &Path) -> (Verdict, String) {
        let module = || self.module.info.full_name();
        // The output goes to a file, not to a pipe: what a module leaves running in the background could keep a pipe
        // open for ever.
        let prepared = self.output_file(plans);
        let plan = self.file_in(plans, "toml");
        let mut output = match prepared.and_then(|output| create_private(&plan).map(|()| output)) {
            Ok(output) => output,
            Err(source) => {
                return (Verdict::Failure(ModuleFailure::Capture { module: module(), source }), String::new());
            }
        };
        if self.features.inputs_as_variables {
            self.environment.set("CNB_BUILD_PLAN_PATH", &plan);
        }
        let ending = self.execute(inputs, &plan, &output, &inputs.interrupt);
        let mut bytes = Vec::new();
        let captured = output.rewind().and_then(|()| output.read_to_end(&mut bytes));
        let verdict = match (ending, captured) {
            (Err(source), _) => Verdict::Failure(ModuleFailure::Run { module: self.module.info.full_name(), source }),
            (Ok(_), Err(source)) => {
                Verdict::Failure(ModuleFailure::Capture { module: self.module.info.full_name(), source })
            }
            (Ok(Ending::Code(0)), Ok(_)) => read_plan(self.module, &plan),
            (Ok(Ending::Code(100)), Ok(_)) => Verdict::Fail,
            (Ok(Ending::Code(code)), Ok(_)) => Verdict::Code(code),
            (Ok(ending @ Ending::Signal(_)), Ok(_)) => {
                Verdict::Failure(ModuleFailure::Killed { module: self.module.info.full_name(), ending })
            }
        };
        (verdict, String::from_utf8_lossy(&bytes).into_owned())
    }

    fn execute(
        &self,
        inputs: &DetectInputs,
        plan: &Path,
        output: &std::fs::File,
        interrupt: &Interrupt,
    ) -> Result<Ending, RunError> {
        let command = ModuleCommand {
            program: self.program,
            arguments: vec![inputs.platform_directory.clone().into(), plan.into()],
            environment: &self.environment,
            directory: &inputs.app_directory,
            output,
        };
        command.run(interrupt)
    }

    /// A file for the output: in memory, or where that cannot be had among the plans.
    fn output_file(&self, plans: &Path) -> std::io::Result<std::fs::File> {
        if let Ok(file) = memfd_create("output", MemfdFlags::CLOEXEC) {
            return Ok(file.into());
        }
        let path = self.file_in(plans, "output");
        Ok(fs::File::options().create_new(true).read(true).write(true).open(path)?.into_parts().0)
    }

    /// A file of this module among those of all.
    fn file_in(&self, directory: &Path, extension: &str) -> std::path::PathBuf {
        let kind = self.module.kind;
        let name = self.module.info.full_name().replace('/', "_");
        directory.join(format!("{kind}-{name}.{extension}"))
    }
}

fn create_private(path: &Path) -> std::io::Result<()> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map(drop)
}

fn read_plan(module: &Module, path: &Path) -> Verdict {
    let check = || -> Result<BuildPlan, BuildPlanError> {
        let plan: BuildPlan = read_toml(path)?;
        if let Some(name) = plan.misplaced_version() {
            return Err(BuildPlanError::MisplacedVersion(name.to_owned()));
        }
        if module.kind == ModuleKind::Extension && plan.has_requires() {
            return Err(BuildPlanError::ExtensionRequires);
        }
        Ok(plan)
    };
    let failure = |source| ModuleFailure::Plan { module: module.info.full_name(), source };
    check().map_or_else(|source| Verdict::Failure(failure(source)), Verdict::Pass)
}

fn target_failure(module: &Module, base: &TargetMetadata) -> ModuleFailure {
    let json = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
    let run_image = Target {
        os: base.os.clone(),
        arch: base.arch.clone(),
        variant: base.arch_variant.clone(),
        distros: base.distro.clone().into_iter().collect(),
    };
    ModuleFailure::Target {
        module: format!("{} {}", module.kind, module.info.full_name()),
        run_image: json(serde_json::to_string(&run_image)),
        targets: json(serde_json::to_string(&module.targets)),
    }
}
