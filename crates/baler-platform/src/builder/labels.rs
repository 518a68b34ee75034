//! The labels of a builder, as values.

use baler_cnb::buildpack::ModuleInfo;
use baler_cnb::labels::{BuilderLabel, CreatedBy, LifecycleDescription, ModuleLabel, RunImageLabel, StackLabel};
use baler_image::{ImageName, ResolvedImage};

use super::config::{BuilderConfig, RunImageConfig};
use crate::version;

/// A build image without the ids of its build user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    #[error("image '{name}' missing required env var '{variable}'")]
    Missing { name: ImageName, variable: &'static str },
    #[error("image '{name}' has env var '{variable}' which is not a user or group id above 0: '{value}'")]
    Invalid { name: ImageName, variable: &'static str, value: String },
}

/// A user or group id of a build image: `CNB_USER_ID`, `CNB_GROUP_ID`. It is never root's.
pub fn id(image: &ResolvedImage, variable: &'static str) -> Result<u32, IdError> {
    let name = || image.name().clone();
    let Some(value) = image.config().variable(variable) else {
        return Err(IdError::Missing { name: name(), variable });
    };
    match value.parse() {
        Ok(id) if id > 0 => Ok(id),
        Ok(_) | Err(_) => Err(IdError::Invalid { name: name(), variable, value: value.to_owned() }),
    }
}

/// `io.buildpacks.builder.metadata`.
pub(super) fn builder(
    config: &BuilderConfig,
    buildpacks: &[ModuleInfo],
    extensions: &[ModuleInfo],
    lifecycle: LifecycleDescription,
) -> BuilderLabel {
    BuilderLabel {
        description: config.description.clone(),
        buildpacks: buildpacks.iter().cloned().map(ModuleLabel::from).collect(),
        extensions: extensions.iter().cloned().map(ModuleLabel::from).collect(),
        stack: StackLabel { run_image: config.stack_run_image.as_ref().map(run_image).unwrap_or_default() },
        lifecycle,
        created_by: CreatedBy { name: "Baler".to_owned(), version: version::BALER.to_owned() },
        images: config.run_images.iter().map(run_image).collect(),
    }
}

fn run_image(image: &RunImageConfig) -> RunImageLabel {
    RunImageLabel { image: image.image.clone(), mirrors: image.mirrors.clone() }
}
