//! Detect: which group of modules builds the application, and what its modules want of one another.
//!
//! Buildpack specification, "Phase #1: Detection"; Platform specification, "detector". The candidates of the order are
//! tried one after the other; the modules of one candidate run at the same time, each module once. What is said
//! meanwhile is held back: the `Log` gets it at the end, in an order that does not depend on who was faster.
//! Refuses composites that contain themselves.

mod candidates;
mod error;
mod messages;
mod resolve;
mod run;
mod system;
mod trial;

use std::collections::BTreeMap;
use std::path::PathBuf;

use baler_cnb::analyzed::TargetMetadata;
use baler_cnb::api::PlatformApi;
use baler_cnb::environment::Environment;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::{GroupElement, GroupFile};
use baler_cnb::order::{Group, OrderFile, System};
use baler_cnb::plan::PlanFile;

pub use error::{BuildPlanError, CycleError, DetectError, ModuleFailure};

use crate::interrupt::Interrupt;
use crate::log::Log;
use crate::module_store::{Module, ModuleError, ModuleKind, ModuleStore};
use crate::platform_env::{UserEnvironment, passed_on};
use candidates::{Candidate, Candidates, Key, Slot};
use messages::Messages;
use resolve::{Attempt, Participant};
use run::Runner;

/// What detect looks at.
pub struct DetectInputs {
    pub platform_api: PlatformApi,
    pub store: ModuleStore,
    /// order.toml.
    pub order: OrderFile,
    /// system.toml; used from Platform API 0.15 on.
    pub system: System,
    pub app_directory: PathBuf,
    pub platform_directory: PathBuf,
    pub build_config_directory: PathBuf,
    /// What the build is for; see [`crate::target::complete`].
    pub target: TargetMetadata,
    /// `CNB_EXEC_ENV`.
    pub exec_env: String,
    /// The environment of the lifecycle, of which modules see a part.
    pub environment: Environment,
    /// Where short-lived files may be made.
    pub temporary_directory: PathBuf,
    /// How many modules run at the same time.
    pub concurrency: usize,
    pub interrupt: Interrupt,
}

/// What detect found: group.toml and plan.toml.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detection {
    pub group: GroupFile,
    pub plan: PlanFile,
}

/// Finds the first group of the order that can build the application.
pub fn detect(inputs: &DetectInputs, log: &dyn Log) -> Result<Detection, DetectError> {
    let features = PlatformFeatures::for_api(inputs.platform_api);
    let extension_order = if features.extensions { &inputs.order.order_extensions[..] } else { &[] };
    let mut messages = Messages::default();
    let order = order_with_system(inputs, features, &mut messages);
    let mut modules = Modules { store: &inputs.store, found: BTreeMap::new() };
    modules.check_order(&order, extension_order)?;

    let user_environment = UserEnvironment::read(&inputs.platform_directory, &inputs.build_config_directory)?;
    let base = passed_on(&inputs.environment);
    let runner = Runner::new(inputs, features, user_environment, base)?.observed_by(log);
    let mut search = Search { runner, outcomes: BTreeMap::new(), messages };
    let result = search.first_success(Candidates::new(&order, extension_order), &mut modules, inputs, features);
    search.messages.print(log, result.is_err());
    result
}

fn order_with_system(inputs: &DetectInputs, features: PlatformFeatures, messages: &mut Messages) -> Vec<Group> {
    let order = &inputs.order.order;
    if !features.system_buildpacks {
        return order.clone();
    }
    order.iter().map(|group| system::surround(group, &inputs.system, messages)).collect()
}

/// The modules whose descriptors have been read.
struct Modules<'a> {
    store: &'a ModuleStore,
    found: BTreeMap<Key, Module>,
}

impl Modules<'_> {
    fn find(&mut self, key: &Key) -> Result<&Module, ModuleError> {
        if !self.found.contains_key(key) {
            let module = self.store.find(key.kind, &key.id, &key.version)?;
            self.found.insert(key.clone(), module);
        }
        Ok(&self.found[key])
    }

    /// All direct elements of the orders must be there, with an API that is known, before anything runs.
    fn check_order(&mut self, order: &[Group], extension_order: &[Group]) -> Result<(), DetectError> {
        for (kind, groups) in [(ModuleKind::Buildpack, order), (ModuleKind::Extension, extension_order)] {
            for element in groups.iter().flat_map(|group| &group.group) {
                let key = Key { kind, id: element.id.clone(), version: element.version.clone() };
                self.find(&key).map_err(DetectError::Order)?.supported_api()?;
            }
        }
        Ok(())
    }
}

struct Search<'a> {
    runner: Runner<'a>,
    /// What each module's `bin/detect` said.
    outcomes: BTreeMap<Key, run::Outcome>,
    messages: Messages,
}

impl Search<'_> {
    fn first_success(
        &mut self,
        mut candidates: Candidates,
        modules: &mut Modules<'_>,
        inputs: &DetectInputs,
        features: PlatformFeatures,
    ) -> Result<Detection, DetectError> {
        let mut had_errors = false;
        let eligible = run::Eligibility { features, exec_env: &inputs.exec_env };
        while let Some(candidate) = candidates.next(&mut |slot: &Slot| eligible.look_up(modules, slot))? {
            match self.attempt(&candidate, modules)? {
                Attempt::Success(resolution) => return Ok(accept(resolution, modules)),
                Attempt::Failure { had_errors: errors } => had_errors |= errors,
            }
        }
        Err(if had_errors { DetectError::NoGroupAndErrors } else { DetectError::NoGroup })
    }

    fn attempt(&mut self, candidate: &Candidate, modules: &Modules<'_>) -> Result<Attempt, DetectError> {
        let wanted = candidate.elements.iter().filter(|element| !self.outcomes.contains_key(&element.key));
        let pending: Vec<_> = wanted.map(|element| (element, &modules.found[&element.key])).collect();
        self.outcomes.extend(self.runner.run_all(&pending)?);
        let participant = |element| Participant { element, outcome: &self.outcomes[&element.key] };
        let participants: Vec<_> = candidate.elements.iter().map(participant).collect();
        Ok(resolve::resolve(&participants, &mut self.messages))
    }
}

/// Makes group.toml and plan.toml of what was chosen.
fn accept(resolution: resolve::Resolution, modules: &Modules<'_>) -> Detection {
    let element = |key: &Key| {
        let module = &modules.found[key];
        let homepage = module.info.homepage.clone();
        GroupElement { id: key.id.clone(), version: key.version.clone(), api: module.api.clone(), homepage }
    };
    let of_kind = |kind| resolution.group.iter().filter(move |key| key.kind == kind).map(element).collect();
    let group = GroupFile { group: of_kind(ModuleKind::Buildpack), group_extensions: of_kind(ModuleKind::Extension) };
    Detection { group, plan: resolution.plan }
}
