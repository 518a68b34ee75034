//! What a rebased image will be: no I/O.

use std::collections::BTreeSet;

use baler_cnb::features::PlatformFeatures;
use baler_cnb::labels::{LIFECYCLE_METADATA, LifecycleMetadata, StackForRebase, encode};
use baler_cnb::run::RunImage;
use baler_image::{Descriptor, Document, History, ImageConfig, Layer, Manifest, Platform, Reference, ResolvedImage};

use super::validate::validate;
use super::{RebaseError, RebaseInputs};
use crate::analyze::pinned_reference;
use crate::export::plan::{document, retyped};

/// A rebased image.
#[derive(Debug)]
pub struct RebasePlan {
    pub config: Document<ImageConfig>,
    pub manifest: Document<Manifest>,
    pub platform: Platform,
    /// How many of the layers, from below, are the run image's.
    pub base_layers: usize,
    /// What would have been refused without force.
    pub warnings: Vec<String>,
}

/// Decides everything about the image.
pub fn plan_rebase(inputs: &RebaseInputs<'_>) -> Result<RebasePlan, RebaseError> {
    let (app, new) = (inputs.app, inputs.run_image);
    let mut warnings = Vec::new();
    validate(inputs, &mut warnings)?;
    let mut metadata = read_metadata(app)?;
    let kept = base_end(app, &metadata)?;
    update(&mut metadata, inputs)?;

    let layers: Vec<&Layer> = new.layers().iter().chain(&app.layers()[kept..]).collect();
    let config = document(config(inputs, &metadata, &layers, kept)?);
    let family = app.family();
    let manifest = Manifest {
        config: Descriptor::of(&app.manifest().value.config.media_type, &config.raw),
        layers: layers.iter().map(|layer| retyped(&layer.descriptor, family)).collect(),
        media_type: Some(family.manifest().to_owned()),
        ..app.manifest().value.clone()
    };
    Ok(RebasePlan {
        config,
        manifest: document(manifest),
        platform: new.platform().clone(),
        base_layers: new.layers().len(),
        warnings,
    })
}

fn read_metadata(app: &ResolvedImage) -> Result<LifecycleMetadata, RebaseError> {
    let (name, label) = (app.name().clone(), LIFECYCLE_METADATA);
    let text = app.config().label(label).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| RebaseError::NoMetadata { name: name.clone(), label })?;
    serde_json::from_str(text).map_err(|source| RebaseError::Metadata { name, label, source })
}

/// How many layers of the app are its run image's. The top layer may occur several times, in the run image too; the
/// last one below the app's own layers is meant.
fn base_end(app: &ResolvedImage, metadata: &LifecycleMetadata) -> Result<usize, RebaseError> {
    let top_layer = &metadata.run_image.top_layer;
    let own: BTreeSet<&str> = own_layers(metadata).filter(|sha| !sha.is_empty() && sha != top_layer).collect();
    let diff_ids: Vec<String> = app.layers().iter().map(|layer| layer.diff_id.to_string()).collect();
    let first_own = diff_ids.iter().position(|diff_id| own.contains(diff_id.as_str())).unwrap_or(diff_ids.len());
    let top = diff_ids[..first_own].iter().rposition(|diff_id| diff_id == top_layer);
    let top = top.or_else(|| diff_ids.iter().position(|diff_id| diff_id == top_layer));
    let absent = || RebaseError::NoBaseLayer { name: app.name().clone(), top_layer: top_layer.clone() };
    top.map(|top| top + 1).ok_or_else(absent)
}

fn own_layers(metadata: &LifecycleMetadata) -> impl Iterator<Item = &str> {
    let of_buildpacks = metadata.buildpacks.iter().flat_map(|buildpack| buildpack.layers.values());
    let others = [&metadata.config, &metadata.launcher, &metadata.process_types];
    of_buildpacks
        .map(|layer| layer.sha.as_str())
        .chain(metadata.app.iter().chain(&metadata.sbom).chain(others).map(|sha| sha.sha.as_str()))
}

fn update(metadata: &mut LifecycleMetadata, inputs: &RebaseInputs<'_>) -> Result<(), RebaseError> {
    let new = inputs.run_image;
    metadata.run_image.top_layer = new.layers().last().map(|layer| layer.diff_id.to_string()).unwrap_or_default();
    metadata.run_image.reference = pinned_reference(new);
    if !PlatformFeatures::for_api(inputs.platform_api).run_toml {
        return Ok(());
    }
    let name = new.name().given();
    let of_stack = metadata.stack.as_ref().map(|stack| &stack.run_image);
    let is_known = std::iter::once(&metadata.run_image.image).chain(of_stack).any(|image| contains(image, name));
    if is_known {
        return Ok(());
    }
    if !inputs.force {
        let known = encode(&metadata.run_image).unwrap_or_default();
        return Err(RebaseError::UnknownName { new: name.to_owned(), known });
    }
    metadata.run_image.image = RunImage { image: name.to_owned(), mirrors: Vec::new() };
    metadata.stack = Some(StackForRebase { run_image: metadata.run_image.image.clone() });
    Ok(())
}

/// Names are compared in full and without digests.
fn contains(image: &RunImage, name: &str) -> bool {
    let full = |name: &str| {
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        name.parse::<Reference>().map_or_else(|_| name.to_owned(), |reference| reference.to_string())
    };
    std::iter::once(&image.image).chain(&image.mirrors).any(|known| !known.is_empty() && full(known) == full(name))
}

fn config(
    inputs: &RebaseInputs<'_>,
    metadata: &LifecycleMetadata,
    layers: &[&Layer],
    kept: usize,
) -> Result<ImageConfig, RebaseError> {
    let (app, new) = (inputs.app.config(), inputs.run_image.config());
    let created = jiff::Timestamp::from_second(inputs.created)
        .map_err(|_| RebaseError::Created { seconds: inputs.created })?
        .to_string();
    let mut config = app.clone();
    config.os.clone_from(&new.os);
    config.architecture.clone_from(&new.architecture);
    config.os_version.clone_from(&new.os_version);
    config.variant.clone_from(&new.variant);
    config.rootfs.diff_ids = layers.iter().map(|layer| layer.diff_id.clone()).collect();
    config.history = history(new, app, kept, &created);
    config.created = Some(created);

    let is_of_base = |label: &str| {
        label.starts_with("io.buildpacks.stack.")
            || (label.starts_with("io.buildpacks.base.") && PlatformFeatures::for_api(inputs.platform_api).targets)
    };
    config.config.labels.retain(|label, _| !is_of_base(label));
    let of_base = new.config.labels.iter().filter(|(label, _)| is_of_base(label));
    config.config.labels.extend(of_base.map(|(label, value)| (label.clone(), value.clone())));
    let text = encode(metadata).map_err(|source| RebaseError::Label { label: LIFECYCLE_METADATA, source })?;
    config.config.labels.insert(LIFECYCLE_METADATA.to_owned(), text);
    Ok(config)
}

/// One entry for each layer; blank where an image's own do not match its layers.
fn history(new: &ImageConfig, app: &ImageConfig, kept: usize, created: &str) -> Vec<History> {
    let entries = |config: &ImageConfig| -> Vec<History> {
        let count = config.rootfs.diff_ids.len();
        let of_layers: Vec<_> = config.history.iter().filter(|entry| !entry.empty_layer).cloned().collect();
        let blank = || vec![History::default(); count];
        if of_layers.len() == count { of_layers } else { blank() }
    };
    let all = entries(new).into_iter().chain(entries(app).into_iter().skip(kept));
    all.map(|entry| History { created: Some(created.to_owned()), ..entry }).collect()
}
