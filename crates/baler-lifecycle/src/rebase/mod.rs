//! Rebase: the layers of the run image below an app are replaced (lifecycle, "rebaser").
//!
//! [`plan_rebase`] decides everything and reads nothing; [`rebase`] carries it out. Environment, entry point and history
//! stay those of the app, and so does its family of media types. Refused, unless forced: a run image for another target,
//! a name that the app does not know, an app that is marked as not rebasable.

mod plan;
mod validate;

use std::collections::BTreeSet;

use baler_cnb::api::PlatformApi;
use baler_cnb::report::{ImageReport, Report};
use baler_image::{Digest, ImageName, ResolvedImage, Sink, Source};

pub use plan::{RebasePlan, plan_rebase};

use crate::export::apply::{NewImage, copy_blob, store_image};
use crate::export::{ExportError, image_report, is_foreign};
use crate::log::Log;

/// What is rebased onto what.
pub struct RebaseInputs<'a> {
    pub platform_api: PlatformApi,
    pub app: &'a ResolvedImage,
    pub run_image: &'a ResolvedImage,
    /// What is refused otherwise is done with a warning.
    pub force: bool,
    /// Creation time of the image, in seconds since 1970.
    pub created: i64,
    /// What the image is saved as: at least one name.
    pub names: &'a [ImageName],
}

/// Where the layers are, and where the image goes.
pub struct RebasePlaces<'a> {
    pub app: &'a dyn Source,
    pub run_image: &'a dyn Source,
    pub sink: &'a dyn Sink,
}

/// A rebased image.
#[derive(Debug)]
pub struct Rebased {
    pub image: ResolvedImage,
    pub report: Report,
}

/// Why an image could not be rebased.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebaseError {
    #[error("get image metadata: image '{name}' has no label {label}")]
    NoMetadata { name: ImageName, label: &'static str },
    #[error("get image metadata: label {label} of image '{name}' is not valid")]
    Metadata { name: ImageName, label: &'static str, source: serde_json::Error },
    #[error("the Platform API that image '{name}' was built with is not known: '{text}'")]
    AppApi { name: ImageName, text: String },
    #[error("stack not defined on {what}")]
    NoStack { what: &'static str },
    #[error("incompatible stack: '{new}' is not compatible with '{old}'")]
    OtherStack { new: String, old: String },
    #[error("missing required mixin(s): {}", missing.join(", "))]
    MissingMixins { missing: Vec<String> },
    #[error("{what} has a label {label} that is no list of names")]
    Mixins { what: &'static str, label: &'static str, source: serde_json::Error },
    #[error("app image is not marked as rebasable; please provide -force to override")]
    NotRebasable,
    #[error(
        "unable to satisfy target os/arch constraints; new run image: {new}, old run image: {old}; please provide -force to override"
    )]
    OtherTarget { new: String, old: String },
    #[error(
        "rebase app image: new base image '{new}' not found in existing run image metadata: {known}; please provide -force to override"
    )]
    UnknownName { new: String, known: String },
    #[error("could not find base layer {top_layer} in image '{name}'")]
    NoBaseLayer { name: ImageName, top_layer: String },
    #[error("creation time {seconds} is out of range")]
    Created { seconds: i64 },
    #[error("could not write label {label}")]
    Label { label: &'static str, source: serde_json::Error },
    #[error("could not copy layer {digest}")]
    Layer { digest: Digest, source: ExportError },
    #[error(transparent)]
    Store(ExportError),
}

/// Replaces the run image's layers and saves the image under all names.
pub fn rebase(inputs: &RebaseInputs<'_>, places: &RebasePlaces<'_>, log: &dyn Log) -> Result<Rebased, RebaseError> {
    let plan = plan_rebase(inputs)?;
    for warning in &plan.warnings {
        log.warn(warning);
    }
    let present = present(inputs.app, places);
    for (index, layer) in plan.manifest.value.layers.iter().enumerate() {
        let source = if index < plan.base_layers { places.run_image } else { places.app };
        if !is_foreign(layer) && !present.contains(&layer.digest) {
            copy_blob(places.sink, Some(source), layer, log)
                .map_err(|source| RebaseError::Layer { digest: layer.digest.clone(), source })?;
        }
    }
    let new = NewImage {
        config: plan.config,
        manifest: plan.manifest,
        platform: plan.platform,
        replaced_config: Some(inputs.app.manifest().value.config.digest.clone()),
    };
    let image = store_image(places.sink, new, inputs.names, log).map_err(RebaseError::Store)?;
    let report: ImageReport = image_report(&image, inputs.names);
    Ok(Rebased { image, report: Report { build: None, image: report } })
}

/// What is there for certain, and need not be asked for: the layers of the app, where the new image goes into its repository.
fn present<'a>(app: &'a ResolvedImage, places: &RebasePlaces<'_>) -> BTreeSet<&'a Digest> {
    let is_same = places.app.repository().is_some_and(|repository| places.sink.repository() == Some(repository));
    app.layers().iter().filter(|_| is_same).map(|layer| &layer.descriptor.digest).collect()
}
