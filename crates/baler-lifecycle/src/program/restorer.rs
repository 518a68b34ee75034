//! The program `restorer`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use baler_cnb::analyzed::{Analyzed, ImageReference, RunImageAnalysis};
use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::GroupFile;

use super::failure::{Failure, code, explained};
use super::places::Places;
use super::{Context, Flag, caches, privileges, run_images};
use crate::analyze::{pinned_reference, target_of};
use crate::cache::Cache;
use crate::error_text::chain;
use crate::export::offers_run_image;
use crate::log::Log as _;
use crate::module_store::{ModuleKind, supported_api};
use crate::mounted::{BuildUser, MountedDirectory};
use crate::restore::{Restoration, RestoreInputs, restore};
use crate::toml_file::{read_optional_toml, read_toml, write_toml};

/// Its flags.
pub(super) const FLAGS: &[Flag] = &[
    Flag::text("analyzed", "path to analyzed.toml"),
    Flag::text("build-image", "reference to build image").since(10),
    Flag::text("cache-dir", "path to cache directory"),
    Flag::text("cache-image", "cache image tag name"),
    Flag::boolean("daemon", "export to docker daemon").since(12),
    Flag::text("generated", "path to generated directory").since(12),
    Flag::id("gid", "GID of user's group in the stack's build and run images"),
    Flag::text("group", "path to group.toml"),
    Flag::list("insecure-registry", "insecure registries").since(13),
    Flag::text("layers", "path to layers directory"),
    Flag::boolean("layout", "export to OCI layout format on disk").since(12),
    Flag::text("layout-dir", "path to layout directory").since(12),
    Flag::text("run", "path to run.toml").since(14),
    Flag::boolean("skip-layers", "do not perform layer analysis"),
    Flag::id("uid", "UID of user in the stack's build and run images"),
];

/// What restore gives back to.
pub(super) struct Request<'a> {
    pub(super) group: &'a GroupFile,
    pub(super) analyzed: &'a Analyzed,
    pub(super) cache: Option<&'a dyn Cache>,
    pub(super) user: BuildUser,
    pub(super) skip_layers: bool,
}

/// Runs restore.
pub(super) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let settings = context.settings;
    settings.refuse_positionals()?;
    caches::warn(context);
    let places = Places::open(context)?;
    let mut given = vec![settings.layers_directory()];
    given.extend(settings.cache_directory());
    given.push(PathBuf::from("/kaniko"));
    let user = privileges::become_user(context, &given)?;

    let group: GroupFile = read_toml(&settings.group_path()).map_err(|error| Failure::new(code::FAILED, error))?;
    check_apis(&group)?;
    let analyzed = complete_analyzed(context, &places, &group)?;
    let cache = caches::open(context, &places)?;
    let skip_layers =
        settings.boolean("skip-layers", "CNB_SKIP_LAYERS") || settings.boolean("skip-layers", "CNB_SKIP_RESTORE");
    let request = Request { group: &group, analyzed: &analyzed, cache: cache.as_deref(), user, skip_layers };
    let restoration = restore_layers(context, &request)?;
    if let Some(cache) = cache.as_deref() {
        caches::leave_damage(context, cache);
    }
    if let Some(Err(error)) = cache.as_deref().map(|cache| cache.hand_over(&restoration)) {
        // Export reads the layers then.
        context.log.debug(&format!("Not handing over what was restored: {}", chain(&error)));
    }
    Ok(())
}

/// The Buildpack APIs that the group was detected with.
pub(super) fn check_apis(group: &GroupFile) -> Result<(), Failure> {
    let buildpacks = group.group.iter().map(|module| (ModuleKind::Buildpack, module));
    for (kind, module) in buildpacks.chain(group.group_extensions.iter().map(|module| (ModuleKind::Extension, module)))
    {
        supported_api(kind, &format!("{}@{}", module.id, module.version), &module.api)
            .map_err(|error| Failure::new(code::BUILDPACK_API, error))?;
    }
    Ok(())
}

/// Restores layers of the group.
pub(super) fn restore_layers(context: &Context<'_>, request: &Request<'_>) -> Result<Restoration, Failure> {
    let settings = context.settings;
    let layers = settings.layers_directory();
    let inputs = RestoreInputs {
        platform_api: settings.platform_api,
        group: &request.group.group,
        metadata: Some(&request.analyzed.metadata),
        cache: request.cache,
        layers: &MountedDirectory::new(layers.clone(), layers),
        user: request.user,
        skip_layers: request.skip_layers,
        threads: threads(),
    };
    restore(&inputs, context.log).map_err(|error| Failure::new(code::RESTORE, error).to("restore"))
}

/// As many as there are processors.
pub(super) fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// analyzed.toml, with the images that extensions have chosen found.
fn complete_analyzed(context: &Context<'_>, places: &Places, group: &GroupFile) -> Result<Analyzed, Failure> {
    let settings = context.settings;
    let features = PlatformFeatures::for_api(settings.platform_api);
    let mut analyzed: Analyzed = match read_optional_toml(&settings.analyzed_path()) {
        Ok(Some(analyzed)) => analyzed,
        Ok(None) => {
            context.log.warn("Not using analyzed data, usable file not found.");
            return Ok(Analyzed::default());
        }
        Err(error) => {
            context.log.warn(&format!("Not using analyzed data, usable file not found: {}", chain(&error)));
            return Ok(Analyzed::default());
        }
    };
    let before = analyzed.clone();
    if let (true, Some(text)) = (features.extensions, settings.text("build-image", "CNB_BUILD_IMAGE")) {
        let located = run_images::named(places, &text, code::FAILED)?;
        analyzed.build_image = Some(ImageReference { reference: pinned_reference(&located.image) });
    }
    if let Some(run_image) = analyzed.run_image.as_mut() {
        let has_extensions = features.extensions && !group.group_extensions.is_empty();
        if has_extensions && (run_image.extend || run_image.target.is_none()) {
            find_run_image(features, places, run_image)?;
        } else if features.restorer_checks_run_image {
            check_run_image(context, places, run_image)?;
        }
    }
    if analyzed != before {
        write_toml(&settings.analyzed_path(), &analyzed).map_err(|error| Failure::new(code::FAILED, error))?;
    }
    Ok(analyzed)
}

/// Finds the run image that extensions have named or want to change. One that is changed comes from a registry, even
/// where the result goes to a daemon: a daemon does not give away an image as it is.
fn find_run_image(
    features: PlatformFeatures,
    places: &Places,
    run_image: &mut RunImageAnalysis,
) -> Result<(), Failure> {
    let text = if run_image.image.is_empty() { &run_image.reference } else { &run_image.image };
    let registries = places.registries();
    let is_changed = run_image.extend && features.run_image_extensions && !matches!(places, Places::Layouts { .. });
    let located = run_images::named(if is_changed { &registries } else { places }, text, code::FAILED)?;
    run_image.reference = pinned_reference(&located.image);
    if features.targets {
        run_image.target = Some(target_of(&located.image).map_err(|error| Failure::new(code::FAILED, error))?);
    }
    Ok(())
}

/// A run image that run.toml offers must be there, under the digest that the analyzer has found. One that an extension has
/// chosen is looked for when it is needed.
fn check_run_image(
    context: &Context<'_>,
    places: &Places,
    RunImageAnalysis { reference, image, .. }: &RunImageAnalysis,
) -> Result<(), Failure> {
    let (run, _) = run_images::files(context)?;
    if reference.is_empty() || !places.is_one_registry() || !offers_run_image(&run, image) {
        return Ok(());
    }
    let inaccessible =
        |cause: &str| Failure::new(code::FAILED, format!("selected run image '{image}' is not accessible{cause}"));
    match places.find_pinned(reference) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(inaccessible(": it does not exist")),
        Err(error) => Err(inaccessible(&format!(": {}", explained(&error)))),
    }
}
