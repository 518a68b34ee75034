//! The program `analyzer`.

use std::sync::Arc;

use baler_cnb::features::PlatformFeatures;
use baler_image::{ImageName, Source};
use baler_registry::PushCheck;

use super::failure::{Failure, code};
use super::places::{Located, PlaceError, Places};
use super::{Context, Flag, caches, privileges, run_images};
use crate::analyze::{Analysis, AnalyzeInputs, analyze};
use crate::error_text::chain;
use crate::log::Log as _;
use crate::mounted::{BuildUser, MountedDirectory};
use crate::toml_file::write_toml;

/// Its flags.
pub(super) const FLAGS: &[Flag] = &[
    Flag::text("analyzed", "path to analyzed.toml"),
    Flag::text("cache-image", "cache image tag name"),
    Flag::boolean("daemon", "export to docker daemon"),
    Flag::id("gid", "GID of user's group in the stack's build and run images"),
    Flag::list("insecure-registry", "insecure registries").since(13),
    Flag::text("launch-cache", "path to launch cache directory").since(9),
    Flag::text("layers", "path to layers directory"),
    Flag::boolean("layout", "export to OCI layout format on disk").since(12),
    Flag::text("layout-dir", "path to layout directory").since(12),
    Flag::text("previous-image", "reference to previous image"),
    Flag::text("run", "path to run.toml").since(12),
    Flag::text("run-image", "reference to run image"),
    Flag::boolean("skip-layers", "do not restore SBOM layer from previous image").since(9),
    Flag::text("stack", "path to stack.toml").until(11),
    Flag::list("tag", "additional tags"),
    Flag::id("uid", "UID of user in the stack's build and run images"),
];

/// What analyze is asked for.
pub(super) struct Request {
    pub(super) places: Places,
    /// What the image will be called: the image, then its tags.
    pub(super) names: Vec<ImageName>,
    previous: ImageName,
    /// The cache image.
    cache: Option<ImageName>,
}

/// What is known of run image and previous image, and where they are.
pub(super) struct Images {
    pub(super) analysis: Analysis,
    pub(super) run_image: Arc<dyn Source + Send>,
    pub(super) previous: Option<Arc<dyn Source + Send>>,
}

/// Runs analyze.
pub(super) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let settings = context.settings;
    let request = request(context)?;
    caches::warn_launch_cache(context);
    let mut given = vec![settings.layers_directory()];
    given.extend(caches::directories(context));
    let user = privileges::become_user(context, &given)?;
    let skip_layers =
        settings.boolean("skip-layers", "CNB_SKIP_LAYERS") || settings.boolean("skip-layers", "CNB_SKIP_RESTORE");
    analyze_images(context, &request, user, skip_layers).map(drop)
}

/// Checks the arguments, before anything is done.
pub(super) fn request(context: &Context<'_>) -> Result<Request, Failure> {
    let settings = context.settings;
    let places = Places::open(context)?;
    let image = settings.only_image()?;
    let tags = settings.parsed.list("tag").iter().map(|tag| tag.to_string_lossy().into_owned());
    let names = parse_names(&places, std::iter::once(image.clone()).chain(tags))?;
    let previous = settings.text("previous-image", "CNB_PREVIOUS_IMAGE").unwrap_or(image);
    let previous = places.name(&previous).map_err(|error| Failure::new(code::ARGUMENTS, error))?;
    let cache = settings.text("cache-image", "CNB_CACHE_IMAGE").map(|image| places.registries().name(&image));
    let cache = cache.transpose().map_err(|error| Failure::new(code::ARGUMENTS, error))?;
    Ok(Request { places, names, previous, cache })
}

/// The names that an image gets, all in one registry.
pub(super) fn parse_names(places: &Places, texts: impl Iterator<Item = String>) -> Result<Vec<ImageName>, Failure> {
    let names: Result<Vec<_>, _> = texts.map(|text| places.name(&text)).collect();
    let names = names.map_err(|error| Failure::new(code::ARGUMENTS, error))?;
    let registries: std::collections::BTreeSet<_> =
        names.iter().filter_map(ImageName::reference).map(baler_image::Reference::registry).collect();
    if places.is_one_registry() && registries.len() > 1 {
        return Err(Failure::arguments("writing to multiple registries is unsupported"));
    }
    Ok(names)
}

/// Finds both images, analyzes them and writes analyzed.toml.
pub(super) fn analyze_images(
    context: &Context<'_>,
    request: &Request,
    user: BuildUser,
    skip_layers: bool,
) -> Result<Images, Failure> {
    let settings = context.settings;
    let failed = |error| Failure::new(code::ANALYZE, error).to("analyze");
    let mut checks = request.places.check_writable(&request.names)?;
    checks.extend(request.places.registries().check_writable(request.cache.as_slice())?);
    let (run_image, previous) = find_images(context, request, checks);
    let run_image = run_image?;
    let previous = usable_previous(context, request, previous)?;
    let layers = settings.layers_directory();
    let layers = MountedDirectory::new(layers.clone(), layers);
    let inputs = AnalyzeInputs {
        platform_api: settings.platform_api,
        previous: previous.as_ref().map(|Located { image, source }| (image.clone(), source.as_ref() as _)),
        run_image: run_image.image,
        skip_layers,
        layers: &layers,
        user,
    };
    let analysis = analyze(inputs, context.log).map_err(failed)?;
    write_toml(&settings.analyzed_path(), &analysis.to_analyzed())
        .map_err(|error| Failure::new(code::FAILED, error).to("write analyzed metadata"))?;
    Ok(Images { analysis, run_image: run_image.source, previous: previous.map(|located| located.source) })
}

type Found = (Result<Located, Failure>, Result<Option<Located>, PlaceError>);

/// Finds the run image and the previous one, and ends the checks: none of it depends on another.
fn find_images(context: &Context<'_>, request: &Request, checks: Vec<PushCheck>) -> Found {
    std::thread::scope(|scope| {
        let previous = scope.spawn(|| request.places.find(&request.previous));
        scope.spawn(|| checks.into_iter().for_each(PushCheck::end));
        let run_image = find_run_image(context, request);
        (run_image, previous.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// The previous image. One that is damaged is none: it is about to be replaced.
fn usable_previous(
    context: &Context<'_>,
    request: &Request,
    found: Result<Option<Located>, PlaceError>,
) -> Result<Option<Located>, Failure> {
    let name = request.previous.given();
    match found {
        Ok(Some(located)) => Ok(Some(located)),
        Ok(None) => {
            context.log.info(&format!("Image with name {name:?} not found"));
            Ok(None)
        }
        Err(PlaceError::Resolve(error)) if error.is_of_image() => {
            context.log.warn(&format!("Not using the previous image {name}: {}", chain(&error)));
            Ok(None)
        }
        Err(error) => Err(Failure::new(code::ANALYZE, error).to("analyze")),
    }
}

fn find_run_image(context: &Context<'_>, request: &Request) -> Result<Located, Failure> {
    if let Some(text) = context.settings.text("run-image", "CNB_RUN_IMAGE") {
        return run_images::named(&request.places, &text, code::ANALYZE);
    }
    let metadata = if PlatformFeatures::for_api(context.settings.platform_api).run_toml { "run" } else { "stack" };
    let offered = run_images::offered(context)?.ok_or_else(|| {
        Failure::arguments(format!("-run-image is required when there is no {metadata} metadata available"))
    })?;
    // Of an image that stays in a directory the registry that was asked for is the one that counts.
    let output = context.settings.only_image()?;
    run_images::choose(context, &request.places, &offered, &output)
}
