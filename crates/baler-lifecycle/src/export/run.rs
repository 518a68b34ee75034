//! The export itself: gather, pack, plan, apply, then the cache.

use baler_cnb::build::BuildFile;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::labels::{BuildpackLayers, StoreLabel};
use baler_cnb::report::{BuildReport, ImageReport, Report};
use baler_image::{Identity, ImageName, Place, ResolvedImage};

use super::announce::Announcer;
use super::app_layers::App;
use super::config::ConfigInputs;
use super::gather::{Gathered, gather};
use super::labels::LabelInputs;
use super::pack::{PackResult, Packed, Packer};
use super::piece::{Piece, Role};
use super::plan::{ExportPlan, Measured, PlanInputs, PlannedLayer, plan_export};
use super::{ExportError, ExportInputs, ExportPlaces, Exported, LayerReport};
use super::{apply, cache, pieces, run_image, sboms};
use crate::cache::{CacheError, LaunchCache};
use crate::error_text::chain;
use crate::files::read_text;
use crate::layers_directory::LayerId;
use crate::log::Log;

/// Makes the app image and stores it under all names, then brings the cache up to date.
pub fn export(inputs: &ExportInputs<'_>, places: &ExportPlaces<'_>, log: &dyn Log) -> Result<Exported, ExportError> {
    let features = PlatformFeatures::for_api(inputs.platform_api);
    if features.launcher_sbom {
        sboms::copy(inputs, log).map_err(ExportError::Sboms)?;
    }
    let gathered = gather(inputs, features)?;
    let app = App::look(inputs, &gathered)?;
    let pieces = pieces::pieces(inputs, (&gathered, &app), features, places.cache.is_some())?;
    check_reuse(inputs, &pieces)?;
    let announcer = Announcer::new(&pieces, inputs.analysis, log);
    let packer = Packer {
        sink: places.sink,
        cache: places.cache,
        launch_cache: places.launch_cache,
        restoration: inputs.restoration,
        analysis: inputs.analysis,
        threads: inputs.threads,
        observer: log,
        done: &|index, result| announcer.known(index, result),
    };
    let mut results = packer.pack(&pieces);
    let measured = measure(&pieces, &mut results)?;
    let app = app.remember(&measured);
    let plan = plan_export(&plan_inputs(inputs, &gathered, measured, features)?)?;

    let layers = store_layers((places, &inputs.analysis.run_image), &plan, (&pieces, &mut results), log)?;
    for label in &plan.labels {
        log.info(&format!("Adding label '{label}'"));
    }
    match &plan.default_process_type {
        Some(process_type) => log.info(&format!("Setting default process type '{process_type}'")),
        None => log.info("no default process type"),
    }
    let new = apply::NewImage {
        config: plan.config,
        manifest: plan.manifest,
        platform: inputs.analysis.run_image.platform().clone(),
        replaced_config: inputs.analysis.previous.as_ref().map(|it| it.image.manifest().value.config.digest.clone()),
    };
    let image = apply::store_image(places.sink, new, inputs.names, log)?;
    if let Some(Err(error)) = places.launch_cache.map(|cache| keep_copies(cache, &plan.layers, &pieces, &mut results)) {
        log.warn(&format!("Failed to export launch cache: {}", chain(&error)));
    }
    let build = if features.legacy_bom_files { None } else { Some(build_report(inputs)?) };
    let build = build.filter(|build| !build.bom.is_empty());
    let report = Report { build, image: image_report(&image, inputs.names) };
    let cached = places.cache.map(|cache| cache::export_cache(inputs, cache, for_cache(inputs, &pieces, results), log));
    Ok(Exported { image, report, layers, cached: cached.unwrap_or_default(), app })
}

/// What has no contents must be in the previous image; said before anything is packed.
fn check_reuse(inputs: &ExportInputs<'_>, pieces: &[Piece<'_>]) -> Result<(), ExportError> {
    let is_known = |id: &LayerId| {
        let buildpacks = inputs.analysis.metadata().into_iter().flat_map(|metadata| &metadata.buildpacks);
        let mut buildpacks = buildpacks.filter(|buildpack| buildpack.key == id.buildpack);
        buildpacks.any(|buildpack| buildpack.layers.contains_key(&id.layer))
    };
    for piece in pieces.iter().filter(|piece| piece.in_image && piece.content.is_absent()) {
        if let Role::Buildpack(id) = &piece.role
            && !is_known(id)
        {
            return Err(ExportError::NothingToReuse { id: id.clone() });
        }
    }
    Ok(())
}

/// The image's pieces with what is known of their bytes; a piece that could not be packed ends the export.
fn measure(pieces: &[Piece<'_>], results: &mut [PackResult]) -> Result<Vec<Measured>, ExportError> {
    let mut measured = Vec::new();
    for (piece, result) in pieces.iter().zip(results).filter(|(piece, _)| piece.in_image) {
        let data = match std::mem::replace(result, Ok(None)) {
            Ok(packed) => {
                let data = packed.as_ref().map(|packed| (packed.diff_id.clone(), packed.digest.clone(), packed.size));
                *result = Ok(packed);
                data
            }
            Err(source) => return Err(ExportError::Layer { what: piece.what.clone(), source }),
        };
        measured.push(Measured {
            role: piece.role.clone(),
            what: piece.what.clone(),
            created_by: piece.created_by.clone(),
            file: piece.file.clone(),
            data,
        });
    }
    Ok(measured)
}

fn plan_inputs<'a>(
    inputs: &'a ExportInputs<'_>,
    gathered: &'a Gathered<'_>,
    measured: Vec<Measured>,
    features: PlatformFeatures,
) -> Result<PlanInputs<'a>, ExportError> {
    let created = jiff::Timestamp::from_second(inputs.created)
        .map_err(|_| ExportError::Created { seconds: inputs.created })?
        .to_string();
    let run_image = run_image::run_image_for_export(
        features,
        inputs.run,
        inputs.stack,
        inputs.analysis.run_image.name().given(),
        !inputs.group.group_extensions.is_empty(),
    );
    Ok(PlanInputs {
        features,
        analysis: inputs.analysis,
        measured,
        buildpacks: remembered_buildpacks(gathered),
        metadata: &gathered.metadata,
        run_image,
        labels: LabelInputs {
            launcher: inputs.launcher,
            project: inputs.project,
            exec_env: inputs.exec_env,
            legacy_bom: gathered.legacy_bom.as_ref(),
        },
        config: ConfigInputs {
            layers: inputs.layers.image.to_string_lossy().into_owned(),
            app: inputs.app.image.to_string_lossy().into_owned(),
            platform_api: inputs.platform_api.to_string(),
            default_process_type: inputs.default_process_type,
            created,
        },
    })
}

/// The group, and what each buildpack keeps whatever else is dropped.
fn remembered_buildpacks(gathered: &Gathered<'_>) -> Vec<BuildpackLayers> {
    let mut remembered = Vec::new();
    for (module, directory) in &gathered.buildpacks {
        let store = directory.store.clone().map(|store| StoreLabel { metadata: store.metadata.into() });
        let (key, version) = (module.id.clone(), module.version.clone());
        remembered.push(BuildpackLayers { key, version, store, ..BuildpackLayers::default() });
    }
    remembered
}

fn store_layers(
    (places, run_image): (&ExportPlaces<'_>, &ResolvedImage),
    plan: &ExportPlan,
    (pieces, results): (&[Piece<'_>], &mut [PackResult]),
    log: &dyn Log,
) -> Result<Vec<LayerReport>, ExportError> {
    apply::store_base(places, run_image, log)?;
    let in_image = pieces.iter().zip(results).filter(|(piece, _)| piece.in_image);
    let mut reports = Vec::new();
    for (planned, (piece, result)) in plan.layers.iter().zip(in_image) {
        let mut packed = result.as_mut().ok().and_then(Option::as_mut);
        apply::store_layer(places, (planned, packed.as_deref_mut()), piece.in_cache, log)?;
        let (diff_id, size) = (&planned.layer.diff_id, planned.layer.descriptor.size);
        reports.push(LayerReport::of(&planned.what, diff_id, size, planned.outcome, packed.as_deref()));
    }
    Ok(reports)
}

/// Makes the image's layers above the run image what the launch cache has.
fn keep_copies(
    cache: &LaunchCache,
    layers: &[PlannedLayer],
    pieces: &[Piece<'_>],
    results: &mut [PackResult],
) -> Result<(), CacheError> {
    let in_image = pieces.iter().zip(results).filter(|(piece, _)| piece.in_image);
    cache.commit(layers.iter().zip(in_image).map(|(planned, (_, result))| {
        let packed = result.as_mut().ok().and_then(Option::as_mut);
        (&planned.layer.diff_id, packed.and_then(Packed::take_launch_tar))
    }))
}

/// The pieces that the cache gets, in the order of the group and the layers' names.
fn for_cache<'a, 'b>(
    inputs: &ExportInputs<'_>,
    pieces: &'a [Piece<'b>],
    results: Vec<PackResult>,
) -> Vec<(&'a Piece<'b>, PackResult)> {
    let mut cached: Vec<_> = pieces.iter().zip(results).filter(|(piece, _)| piece.in_cache).collect();
    let order = |piece: &Piece<'_>| match &piece.role {
        Role::Buildpack(id) => {
            let place = inputs.group.group.iter().position(|module| module.id == id.buildpack);
            (place.unwrap_or(usize::MAX), id.layer.clone())
        }
        Role::LaunchSbom | Role::App | Role::Launcher | Role::Config | Role::ProcessTypes | Role::CacheSbom => {
            (usize::MAX, String::new())
        }
    };
    cached.sort_by_key(|(piece, _)| order(piece));
    cached
}

/// What report.toml says of an image.
pub(crate) fn image_report(image: &ResolvedImage, names: &[ImageName]) -> ImageReport {
    let (digest, image_id) = match (image.identity(), image.place()) {
        // As other lifecycles do: the digest is in the index of the layout.
        (_, Place::Layout(_) | Place::Archive { .. }) => (String::new(), String::new()),
        (identity, Place::Daemon { .. }) => (String::new(), identity.digest().hex().to_owned()),
        (Identity::Manifest(digest), Place::Store | Place::Registry(_)) => (digest.to_string(), String::new()),
        (Identity::ImageId(id), Place::Store | Place::Registry(_)) => (String::new(), id.hex().to_owned()),
    };
    ImageReport {
        tags: names.iter().map(|name| name.given().to_owned()).collect(),
        image_id,
        digest,
        manifest_size: image.manifest().raw.len() as u64,
    }
}

/// The bill of materials of the build, Platform API < 0.9.
fn build_report(inputs: &ExportInputs<'_>) -> Result<BuildReport, ExportError> {
    let mut report = BuildReport::default();
    for module in &inputs.group.group {
        let path = inputs.layers.host.join(baler_cnb::metadata::escape_id(&module.id)).join("build.toml");
        let text = read_text(&path).map_err(ExportError::File)?.unwrap_or_default();
        let file: BuildFile = toml::from_str(&text)
            .map_err(|source| ExportError::BuildFile { buildpack: module.id.clone(), source: Box::new(source) })?;
        for mut entry in file.bom {
            let buildpack = [("id", &module.id), ("version", &module.version)];
            let buildpack: toml::Table =
                buildpack.into_iter().map(|(key, value)| (key.to_owned(), value.clone().into())).collect();
            entry.insert("buildpack".to_owned(), buildpack.into());
            report.bom.push(entry);
        }
    }
    Ok(report)
}
