//! Generate: the extensions of the group say how the images of the build are to be changed.
//!
//! Image Extension specification, "Phase: Generation"; Platform specification, "detector". Each extension writes
//! Dockerfiles, or has them ready. Of the run images that they switch to the last one counts, and what comes before it
//! has no effect. What the Dockerfiles do beside is only looked at here; applying it is the extender's work. Refuses
//! what no extender could apply.

mod error;
mod instructions;
mod output;
mod place;
mod run;
mod run_image;

use std::path::PathBuf;

use baler_cnb::analyzed::{Analyzed, RunImageAnalysis, TargetMetadata};
use baler_cnb::api::PlatformApi;
use baler_cnb::environment::Environment;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::GroupElement;
use baler_cnb::plan::PlanFile;
use baler_cnb::run::RunFile;

pub use error::{GenerateError, OutputError};
pub use instructions::{ExtensionInstruction, InstructionError, first_instruction, generated_dockerfiles};

use crate::export::offers_run_image;
use crate::interrupt::Interrupt;
use crate::log::Log;
use crate::module_store::ModuleStore;
use run_image::Choice;

/// What generate looks at.
pub struct GenerateInputs {
    pub platform_api: PlatformApi,
    pub store: ModuleStore,
    /// The extensions of group.toml.
    pub extensions: Vec<GroupElement>,
    /// plan.toml as detect has made it.
    pub plan: PlanFile,
    /// The run image as it is so far; empty where nobody has named one.
    pub run_image: String,
    /// The run images that the builder offers.
    pub run: RunFile,
    pub app_directory: PathBuf,
    pub platform_directory: PathBuf,
    pub build_config_directory: PathBuf,
    /// Where the Dockerfiles go.
    pub generated_directory: PathBuf,
    /// What the build is for; see [`crate::target::complete`].
    pub target: TargetMetadata,
    /// `CNB_EXEC_ENV`.
    pub exec_env: String,
    /// The environment of the lifecycle, of which extensions see a part.
    pub environment: Environment,
    /// Where short-lived files may be made.
    pub temporary_directory: PathBuf,
    /// Where what extensions print goes, both of their streams.
    pub output: std::fs::File,
    pub interrupt: Interrupt,
}

/// What the extensions want.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generation {
    /// plan.toml without what extensions provide.
    pub plan: PlanFile,
    /// The run image to use instead, as the extension has written it.
    pub new_run_image: Option<String>,
    /// The run image, the new one if there is one, is to be changed too.
    pub extends_run_image: bool,
}

/// Runs the extensions, and puts what they wrote where the extender looks for it.
pub fn generate(inputs: &GenerateInputs, log: &dyn Log) -> Result<Generation, GenerateError> {
    let features = PlatformFeatures::for_api(inputs.platform_api);
    let runner = run::Runner::new(inputs, features)?;
    let mut plan = inputs.plan.clone();
    let mut outputs = Vec::new();
    for element in &inputs.extensions {
        log.debug(&format!("Running generate for extension {}", element.full_name()));
        let offered = plan.requirements_for(&element.id, true);
        outputs.push(runner.run(element, &offered, log)?);
        let met: Vec<_> = offered.entries.into_iter().map(|entry| entry.name).collect();
        plan = plan.without(&met);
        log.debug(&format!("Finished running generate for extension {}", element.full_name()));
    }
    let Choice { new_base, extends, ignored } = run_image::choose(&outputs);
    place::place(&outputs, &ignored, &inputs.generated_directory, features)?;
    let new_run_image = new_base.filter(|name| !features.run_image_extensions || *name != inputs.run_image);
    if let Some(name) = new_run_image.as_ref().filter(|name| !offers_run_image(&inputs.run, name)) {
        log.warn(&format!(
            "new runtime base image '{name}' not found in run metadata: the app image can be rebased onto images of that name only, not onto those that the builder offers"
        ));
    }
    Ok(Generation { plan, new_run_image, extends_run_image: extends })
}

impl Generation {
    /// analyzed.toml as it is from now on. What the new run image is for is not known yet.
    pub fn apply_to(&self, analyzed: &mut Analyzed) {
        if let Some(name) = &self.new_run_image {
            let (reference, image) = (name.clone(), name.clone());
            analyzed.run_image = Some(RunImageAnalysis { reference, image, extend: false, target: None });
        }
        if let Some(run_image) = analyzed.run_image.as_mut().filter(|_| self.extends_run_image) {
            run_image.extend = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_run_image_clears_what_was_known_of_the_old_one() {
        let old = RunImageAnalysis {
            reference: "run@sha256:1".into(),
            image: "run".into(),
            extend: false,
            target: Some(TargetMetadata::default()),
        };
        let analyzed = Analyzed { run_image: Some(old.clone()), ..Default::default() };
        let after = |new: Option<&str>, extends_run_image| {
            let generation =
                Generation { new_run_image: new.map(str::to_owned), extends_run_image, ..Default::default() };
            let mut analyzed = analyzed.clone();
            generation.apply_to(&mut analyzed);
            analyzed.run_image.unwrap()
        };
        let new = |extend| RunImageAnalysis { reference: "new".into(), image: "new".into(), extend, target: None };
        assert_eq!(after(None, false), old);
        assert_eq!(after(None, true), RunImageAnalysis { extend: true, ..old.clone() });
        assert_eq!(after(Some("new"), false), new(false));
        assert_eq!(after(Some("new"), true), new(true));
    }
}
