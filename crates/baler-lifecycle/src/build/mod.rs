//! Build: the buildpacks of the group make their layers, one after the other.
//!
//! Buildpack specification, "Phase #3: Build"; Platform specification, "builder". Each buildpack sees what the build
//! layers of those before it add to the environment, and the requirements that they left unmet. What a buildpack wrote
//! is read after it has ended well. What extensions have done to the build image is none of its concern.

mod bill_of_materials;
mod error;
mod launch;
mod layers;
mod requirements;
mod run;
mod sbom;

use std::path::PathBuf;

use baler_cnb::analyzed::TargetMetadata;
use baler_cnb::api::PlatformApi;
use baler_cnb::environment::Environment;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::{GroupElement, GroupFile};
use baler_cnb::metadata::{GroupModule, Label, LegacyBom, Metadata, Slice};
use baler_cnb::plan::PlanFile;

pub use error::{BuildError, BuildpackOutputError};

use crate::interrupt::Interrupt;
use crate::log::Log;
use crate::module_store::{ModuleKind, ModuleStore, supported_api};
use crate::platform_env::{UserEnvironment, passed_on};
use crate::progress::{Activity, Running, Task};
use launch::ProcessTable;

/// What build looks at.
pub struct BuildInputs {
    pub platform_api: PlatformApi,
    pub store: ModuleStore,
    /// group.toml.
    pub group: GroupFile,
    /// plan.toml.
    pub plan: PlanFile,
    pub app_directory: PathBuf,
    pub layers_directory: PathBuf,
    pub platform_directory: PathBuf,
    pub build_config_directory: PathBuf,
    /// What the build is for; see [`crate::target::complete`].
    pub target: TargetMetadata,
    /// `CNB_EXEC_ENV`.
    pub exec_env: String,
    /// The environment of the lifecycle, of which buildpacks see a part.
    pub environment: Environment,
    /// Where short-lived files may be made.
    pub temporary_directory: PathBuf,
    /// Where what buildpacks print goes, both of their streams.
    pub output: std::fs::File,
    pub interrupt: Interrupt,
}

/// What the group built: metadata.toml. The layers are in the layers directory, SBOM files in its `sbom`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildResult {
    pub metadata: Metadata,
    /// Platform API < 0.9 has it in metadata.toml too.
    pub bom: LegacyBom,
}

impl BuildResult {
    /// The text of metadata.toml.
    pub fn metadata_toml(&self, features: PlatformFeatures) -> Result<String, toml::ser::Error> {
        Ok(self.metadata.to_toml(features) + &self.bom.to_toml()?)
    }
}

/// What one buildpack adds to the result.
#[derive(Debug, Default)]
struct BuildpackResult {
    /// The dependencies that it took on.
    met: Vec<String>,
    launch: launch::Launch,
    build_bom: Vec<toml::Table>,
    launch_bom: Vec<toml::Table>,
    sbom_files: Vec<sbom::SbomFile>,
}

/// Runs the group.
pub fn build(inputs: &BuildInputs, log: &dyn Log) -> Result<BuildResult, BuildError> {
    let features = PlatformFeatures::for_api(inputs.platform_api);
    refuse_unknown(&inputs.group)?;
    let user_environment = UserEnvironment::read(&inputs.platform_directory, &inputs.build_config_directory)?;
    sbom::clear(&inputs.layers_directory)?;

    let mut state = State {
        plan: inputs.plan.clone(),
        processes: ProcessTable::new(features.exec_env),
        ..State::new(passed_on(&inputs.environment))
    };
    for element in &inputs.group.group {
        log.debug(&format!("Running build for buildpack {}", element.full_name()));
        let running = Running::begin(log, Task::new(Activity::Build, element.full_name()), None);
        let result = run::run_buildpack(inputs, &user_environment, &mut state, element, log);
        let result = running.end(result)?;
        state.add(element, result, log);
        log.debug(&format!("Finished running build for buildpack {}", element.full_name()));
    }
    state.finish(inputs, features)
}

fn refuse_unknown(group: &GroupFile) -> Result<(), BuildError> {
    for (kind, elements) in [(ModuleKind::Buildpack, &group.group), (ModuleKind::Extension, &group.group_extensions)] {
        for element in elements {
            supported_api(kind, &element.full_name(), &element.api)?;
        }
    }
    Ok(())
}

/// What buildpacks hand on to those after them, and to the result.
#[derive(Debug, Default)]
struct State {
    /// The environment, with what build layers added.
    environment: Environment,
    /// What nobody has met yet.
    plan: PlanFile,
    processes: ProcessTable,
    labels: Vec<Label>,
    slices: Vec<Slice>,
    build_bom: Vec<toml::Table>,
    launch_bom: Vec<toml::Table>,
    sbom_files: Vec<sbom::SbomFile>,
}

impl State {
    fn new(environment: Environment) -> Self {
        Self { environment, ..Self::default() }
    }

    fn add(&mut self, element: &GroupElement, result: BuildpackResult, log: &dyn Log) {
        let of_buildpack =
            |bom: Vec<toml::Table>| bom.into_iter().map(|entry| bill_of_materials::signed(entry, element));
        self.plan = self.plan.without(&result.met);
        if let Some(process_type) = self.processes.add(result.launch.processes) {
            log.warn(&format!(
                "redefining the following default process type with a process not marked as default: [{process_type}]"
            ));
        }
        self.labels.extend(result.launch.labels);
        self.slices.extend(result.launch.slices);
        self.build_bom.extend(of_buildpack(result.build_bom));
        self.launch_bom.extend(of_buildpack(result.launch_bom));
        self.sbom_files.extend(result.sbom_files);
    }

    fn finish(self, inputs: &BuildInputs, features: PlatformFeatures) -> Result<BuildResult, BuildError> {
        if features.sbom_layers {
            sbom::copy_all(&self.sbom_files, &inputs.layers_directory)?;
        }
        if features.legacy_bom_files {
            bill_of_materials::write_legacy(&inputs.layers_directory, "launch", &self.launch_bom)?;
            bill_of_materials::write_legacy(&inputs.layers_directory, "build", &self.build_bom)?;
        }
        let module = |element: &GroupElement| {
            let GroupElement { id, version, api, homepage } = element.clone();
            GroupModule { id, version, api, homepage }
        };
        let (buildpack_default_process_type, processes) = self.processes.into_parts();
        Ok(BuildResult {
            metadata: Metadata {
                buildpack_default_process_type,
                buildpacks: inputs.group.group.iter().map(module).collect(),
                extensions: inputs.group.group_extensions.iter().map(module).collect(),
                labels: self.labels,
                processes,
                slices: self.slices,
            },
            bom: LegacyBom { bom: if features.legacy_bom_files { Vec::new() } else { self.launch_bom } },
        })
    }
}
