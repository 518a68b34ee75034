//! What the image will be: which layers are reused or added, config, manifest. No I/O; carried out by `apply`.

use baler_cnb::features::PlatformFeatures;
use baler_cnb::labels::{BuildpackLayers, LayerMetadata, LifecycleMetadata, RunImageForRebase, Sha, StackForRebase};
use baler_cnb::layer::LayerFile;
use baler_cnb::metadata::Metadata;
use baler_cnb::run::RunImage;
use baler_image::media_type::{self, Family};
use baler_image::{Descriptor, Digest, Document, ImageConfig, Layer, Manifest};

use super::config::{self, AddedLayer};
use super::labels::{self, LabelInputs};
use super::piece::Role;
use super::{ExportError, LayerOutcome};
use crate::analyze::{Analysis, pinned_reference};

/// A piece of the image, measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) role: Role,
    pub(crate) what: String,
    pub(crate) created_by: String,
    pub(crate) file: LayerFile,
    /// diffID, digest and size of its bytes; `None`: the build left none, and the previous image's are meant.
    pub(crate) data: Option<(Digest, Digest, u64)>,
}

/// What the plan is made from.
pub(crate) struct PlanInputs<'a> {
    pub(crate) features: PlatformFeatures,
    pub(crate) analysis: &'a Analysis,
    /// The image's pieces, bottom first.
    pub(crate) measured: Vec<Measured>,
    /// The group with what is remembered beside layers: id, version, store.
    pub(crate) buildpacks: Vec<BuildpackLayers>,
    /// metadata.toml.
    pub(crate) metadata: &'a Metadata,
    /// Name and mirrors of the run image.
    pub(crate) run_image: RunImage,
    pub(crate) labels: LabelInputs<'a>,
    pub(crate) config: config::ConfigInputs<'a>,
}

/// The image to be.
pub(crate) struct ExportPlan {
    /// The layers above the run image, as measured, bottom first.
    pub(crate) layers: Vec<PlannedLayer>,
    pub(crate) config: Document<ImageConfig>,
    pub(crate) manifest: Document<Manifest>,
    /// Names of the labels that were set, in order.
    pub(crate) labels: Vec<String>,
    /// The process that starts by default.
    pub(crate) default_process_type: Option<String>,
}

/// A layer above the run image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedLayer {
    pub(crate) role: Role,
    pub(crate) what: String,
    pub(crate) layer: Layer,
    pub(crate) outcome: LayerOutcome,
}

/// Decides everything about the image.
pub(crate) fn plan_export(inputs: &PlanInputs<'_>) -> Result<ExportPlan, ExportError> {
    let base = &inputs.analysis.run_image;
    let family = base.family();
    let mut layers = Vec::new();
    for measured in &inputs.measured {
        layers.push(plan_layer(measured, inputs.analysis, family)?);
    }
    let metadata = lifecycle_metadata(inputs, &layers);
    let default_process_type = config::default_process_type(inputs.metadata, inputs.config.default_process_type)?;
    let labels = labels::labels(&metadata, inputs.metadata, inputs.features, &inputs.labels)?;

    let added: Vec<_> = layers
        .iter()
        .zip(&inputs.measured)
        .map(|(planned, measured)| AddedLayer { diff_id: &planned.layer.diff_id, created_by: &measured.created_by })
        .collect();
    let config = config::image_config(
        base.config(),
        &added,
        &labels,
        default_process_type.as_deref(),
        &inputs.config,
        inputs.features,
    );
    let config = document(config);
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(family.manifest().to_owned()),
        config: Descriptor::of(family.config(), &config.raw),
        layers: base.layers().iter().chain(layers.iter().map(|planned| &planned.layer)).map(descriptor).collect(),
        annotations: std::collections::BTreeMap::new(),
        extra: std::collections::BTreeMap::new(),
    };
    let labels = labels.into_iter().map(|(name, _)| name).collect();
    Ok(ExportPlan { layers, config, manifest: document(manifest), labels, default_process_type })
}

fn descriptor(layer: &Layer) -> Descriptor {
    layer.descriptor.clone()
}

pub(crate) fn document<T: serde::Serialize>(value: T) -> Document<T> {
    let raw = serde_json::to_vec(&value).expect("documents of images are plain data");
    Document { raw, value }
}

/// Reused if the previous image has the same layer in the same role.
fn plan_layer(measured: &Measured, analysis: &Analysis, family: Family) -> Result<PlannedLayer, ExportError> {
    let planned = |layer: Layer, outcome| PlannedLayer {
        role: measured.role.clone(),
        what: measured.what.clone(),
        layer,
        outcome,
    };
    let reused = |layer: &Layer| {
        let descriptor = retyped(&layer.descriptor, family);
        planned(Layer { descriptor, diff_id: layer.diff_id.clone() }, LayerOutcome::Reused)
    };
    let Some((diff_id, digest, size)) = &measured.data else {
        let Role::Buildpack(id) = &measured.role else { unreachable!("only a buildpack's layer may have no contents") };
        let remembered = analysis.metadata().map(|metadata| remembered(metadata, &measured.role)).unwrap_or_default();
        let sha = remembered.first().ok_or_else(|| ExportError::NothingToReuse { id: id.clone() })?;
        let absent = || ExportError::AbsentLayer { what: measured.what.clone(), diff_id: (*sha).to_owned() };
        return reusable(analysis, &measured.role, sha).map(reused).ok_or_else(absent);
    };
    if let Some(layer) = reusable(analysis, &measured.role, &diff_id.to_string()) {
        return Ok(reused(layer));
    }
    let descriptor = Descriptor::new(family.layer_gzip(), *size, digest.clone());
    Ok(planned(Layer { descriptor, diff_id: diff_id.clone() }, LayerOutcome::Added))
}

/// The previous image's layer of this role and diffID: its label must remember it, and the image must have it.
pub(crate) fn reusable<'a>(analysis: &'a Analysis, role: &Role, diff_id: &str) -> Option<&'a Layer> {
    let previous = analysis.previous.as_ref()?;
    let is_remembered = remembered(&previous.metadata, role).contains(&diff_id);
    let mut layers = previous.image.layers().iter();
    layers.find(|layer| is_remembered && layer.diff_id.to_string() == diff_id)
}

/// The diffIDs of this role that the previous image says it has.
pub(crate) fn remembered_by<'a>(analysis: &'a Analysis, role: &Role) -> Vec<&'a str> {
    analysis.metadata().map(|metadata| remembered(metadata, role)).unwrap_or_default()
}

/// The diffIDs that the previous image's label has for a role; several only for the application.
fn remembered<'a>(metadata: &'a LifecycleMetadata, role: &Role) -> Vec<&'a str> {
    let one = |sha: &'a Sha| vec![sha.sha.as_str()];
    let shas = match role {
        Role::Buildpack(id) => {
            let buildpack = metadata.buildpacks.iter().find(|buildpack| buildpack.key == id.buildpack);
            let layer = buildpack.and_then(|buildpack| buildpack.layers.get(&id.layer));
            layer.map(|layer| layer.sha.as_str()).into_iter().collect()
        }
        Role::LaunchSbom => metadata.sbom.as_ref().map(one).unwrap_or_default(),
        Role::App => metadata.app.iter().map(|layer| layer.sha.as_str()).collect(),
        Role::Launcher => one(&metadata.launcher),
        Role::Config => one(&metadata.config),
        Role::ProcessTypes => one(&metadata.process_types),
        Role::CacheSbom => Vec::new(),
    };
    shas.into_iter().filter(|sha| !sha.is_empty()).collect()
}

/// A gzip layer in the family of the base; the previous image may be of the other one.
pub(crate) fn retyped(descriptor: &Descriptor, family: Family) -> Descriptor {
    let media_type = match descriptor.media_type.as_str() {
        media_type::OCI_LAYER_GZIP | media_type::DOCKER_LAYER_GZIP => family.layer_gzip(),
        other => other,
    };
    Descriptor::new(media_type, descriptor.size, descriptor.digest.clone())
}

fn lifecycle_metadata(inputs: &PlanInputs<'_>, layers: &[PlannedLayer]) -> LifecycleMetadata {
    let mut metadata = LifecycleMetadata { buildpacks: inputs.buildpacks.clone(), ..LifecycleMetadata::default() };
    for (planned, measured) in layers.iter().zip(&inputs.measured) {
        let sha = Sha { sha: planned.layer.diff_id.to_string() };
        match &planned.role {
            Role::Buildpack(id) => {
                let buildpack = metadata.buildpacks.iter_mut().find(|buildpack| buildpack.key == id.buildpack);
                if let Some(buildpack) = buildpack {
                    buildpack.layers.insert(id.layer.clone(), layer_metadata(&measured.file, sha.sha));
                }
            }
            Role::LaunchSbom => metadata.sbom = Some(sha),
            Role::App => metadata.app.push(sha),
            Role::Launcher => metadata.launcher = sha,
            Role::Config => metadata.config = sha,
            Role::ProcessTypes => metadata.process_types = sha,
            Role::CacheSbom => {}
        }
    }
    let base = &inputs.analysis.run_image;
    metadata.run_image = RunImageForRebase {
        top_layer: base.layers().last().map(|layer| layer.diff_id.to_string()).unwrap_or_default(),
        reference: pinned_reference(base),
        image: if inputs.features.run_toml { inputs.run_image.clone() } else { RunImage::default() },
    };
    metadata.stack = Some(StackForRebase { run_image: inputs.run_image.clone() });
    metadata
}

/// What label and cache say of a layer.
pub(crate) fn layer_metadata(file: &LayerFile, sha: String) -> LayerMetadata {
    let data = file.metadata.clone().map(Into::into);
    LayerMetadata { sha, data, types: file.types().into() }
}

#[cfg(test)]
mod tests;
