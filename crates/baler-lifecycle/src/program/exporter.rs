//! The program `exporter`.

use std::path::{Path, PathBuf};

use baler_cnb::analyzed::Analyzed;
use baler_cnb::group::GroupFile;
use baler_cnb::project_metadata::ProjectMetadata;
use baler_image::ImageName;

use super::analyzer::{Images, parse_names};
use super::failure::{Failure, code};
use super::places::Places;
use super::restorer::{check_apis, threads};
use super::{Context, Flag, caches, privileges, run_images};
use crate::analyze::Analysis;
use crate::cache::Cache;
use crate::export::{
    AppBefore, ComponentSboms, DEFAULT_CREATED, ExportInputs, ExportPlaces, Launcher, ReleaseSboms, export,
};
use crate::interruptible::InterruptibleSink;
use crate::log::Log as _;
use crate::mounted::{BuildUser, MountedDirectory};
use crate::restore::Restoration;
use crate::toml_file::{read_optional_toml, read_toml, write_toml};
use crate::version;

/// Where a builder has the lifecycle.
const LIFECYCLE: &str = "/cnb/lifecycle";

/// Its flags.
pub(super) const FLAGS: &[Flag] = &[
    Flag::text("analyzed", "path to analyzed.toml"),
    Flag::text("app", "path to app directory"),
    Flag::text("cache-dir", "path to cache directory"),
    Flag::text("cache-image", "cache image tag name"),
    Flag::boolean("daemon", "export to docker daemon"),
    Flag::text("extended", "path to directory of extended images").since(12),
    Flag::id("gid", "GID of user's group in the stack's build and run images"),
    Flag::text("group", "path to group.toml"),
    Flag::text("image", "reference to run image"),
    Flag::list("insecure-registry", "insecure registries").since(13),
    Flag::text("launch-cache", "path to launch cache directory"),
    Flag::text("launcher", "path to launcher binary"),
    Flag::text("launcher-sbom", "path to launcher SBOM directory").since(11),
    Flag::text("layers", "path to layers directory"),
    Flag::boolean("layout", "export to OCI layout format on disk").since(12),
    Flag::text("layout-dir", "path to layout directory").since(12),
    Flag::boolean("parallel", "export app image and cache image in parallel"),
    Flag::text("process-type", "default process type"),
    Flag::text("project-metadata", "path to project-metadata.toml"),
    Flag::text("report", "path to report.toml"),
    Flag::text("run", "path to run.toml").since(12),
    Flag::text("run-image", "reference to run image"),
    Flag::text("stack", "path to stack.toml").until(11),
    Flag::id("uid", "UID of user in the stack's build and run images"),
];

/// What export needs beside files.
pub(super) struct Request<'a> {
    pub(super) names: &'a [ImageName],
    pub(super) group: &'a GroupFile,
    pub(super) images: &'a Images,
    pub(super) restoration: &'a Restoration,
    pub(super) places: &'a Places,
    pub(super) cache: Option<&'a dyn Cache>,
    pub(super) user: BuildUser,
}

/// Runs export.
pub(super) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let settings = context.settings;
    if settings.parsed.text("run-image").is_some() || settings.parsed.text("image").is_some() {
        return Err(Failure::arguments("-run-image is unsupported"));
    }
    let places = Places::open(context)?;
    let names = parse_names(&places, settings.images()?.into_iter())?;
    caches::warn_of_export(context);
    let user = privileges::become_user(context, &caches::directories(context).collect::<Vec<_>>())?;

    let group: GroupFile = read_toml(&settings.group_path()).map_err(|error| Failure::new(code::FAILED, error))?;
    check_apis(&group)?;
    let images = find_images(context, &places)?;
    let cache = caches::open(context, &places)?;
    if let Some(cache) = cache.as_deref() {
        caches::take_damage(context, cache);
    }
    let request = Request {
        names: &names,
        group: &group,
        images: &images,
        restoration: &cache.as_deref().map(Cache::handed_over).unwrap_or_default(),
        places: &places,
        cache: cache.as_deref(),
        user,
    };
    export_image(context, &request)
}

/// Finds the images again that analyzed.toml names.
fn find_images(context: &Context<'_>, places: &Places) -> Result<Images, Failure> {
    let failed = |error| Failure::new(code::EXPORT, error).to("export");
    let path = context.settings.analyzed_path();
    let analyzed: Analyzed = read_optional_toml(&path)
        .map_err(|error| Failure::new(code::FAILED, error))?
        .ok_or_else(|| Failure::arguments(format!("no analyzed metadata found at path '{}'", path.display())))?;
    let run_image = analyzed.run_image.as_ref().filter(|run_image| !run_image.reference.is_empty());
    let run_image = run_image.ok_or_else(|| Failure::arguments("run image not found in analyzed metadata"))?;
    if run_image.extend {
        let text = "extensions change the run image by instructions beside FROM, which is not supported yet";
        return Err(Failure::new(code::EXPORT, text).to("export"));
    }
    let located = places.find_pinned(&run_image.reference).map_err(failed)?;
    let located = located.ok_or_else(|| {
        Failure::new(code::EXPORT, format!("run image '{}' does not exist", run_image.reference)).to("export")
    })?;
    let image = match run_image.image.as_str() {
        "" => located.image,
        name => {
            // In a layout it is a path.
            let target = located.image.name().target().clone();
            let target = name.parse().map_or(target.clone(), |reference| match target {
                baler_image::Target::Reference(_) => baler_image::Target::Reference(reference),
                target @ (baler_image::Target::Layout { .. }
                | baler_image::Target::Archive { .. }
                | baler_image::Target::Daemon { .. }) => target,
            });
            located.image.named(ImageName::new(name, target))
        }
    };
    let reference = analyzed.image.as_ref().map(|image| image.reference.as_str()).unwrap_or_default();
    let previous = if reference.is_empty() { None } else { places.find_pinned(reference).map_err(failed)? };
    let (previous_image, previous) = previous.map(|located| (located.image, located.source)).unzip();
    let analysis = Analysis::from_analyzed(&analyzed, previous_image, image);
    Ok(Images { analysis, run_image: located.source, previous })
}

/// Makes the image, and writes report.toml.
pub(super) fn export_image(context: &Context<'_>, request: &Request<'_>) -> Result<(), Failure> {
    let settings = context.settings;
    let failed = |error| Failure::new(code::EXPORT, error).to("export");
    let (run, stack) = run_images::files(context)?;
    let project: ProjectMetadata = read_optional_toml(&settings.project_metadata_path())
        .map_err(|error| Failure::new(code::FAILED, error))?
        .unwrap_or_default();
    let launcher_path =
        settings.parsed.text("launcher").map_or_else(|| Path::new(LIFECYCLE).join("launcher"), PathBuf::from);
    let launcher = fs_err::read(&launcher_path).map_err(|error| Failure::new(code::EXPORT, error).to("export"))?;
    let in_place = |path: PathBuf| MountedDirectory::new(path.clone(), path);
    let process_type = settings.text("process-type", "CNB_PROCESS_TYPE");
    let mut known = vec![&request.images.analysis.run_image];
    known.extend(request.images.analysis.previous.as_ref().map(|previous| &previous.image));
    let sinks =
        request.places.sinks(request.names, &known).map_err(|error| Failure::new(code::EXPORT, error).to("export"))?;
    let inputs = ExportInputs {
        platform_api: settings.platform_api,
        layers: &in_place(settings.layers_directory()),
        app: &in_place(settings.app_directory()),
        user: request.user,
        group: request.group,
        analysis: &request.images.analysis,
        restoration: request.restoration,
        run: &run,
        stack: &stack,
        project: &project,
        launcher: Launcher {
            bytes: &launcher,
            version: version::REFERENCE_LIFECYCLE,
            repository: version::REPOSITORY,
            commit: version::COMMIT,
        },
        sboms: release_sboms(context),
        default_process_type: process_type.as_deref(),
        exec_env: &settings.exec_env(),
        created: created(context),
        names: request.names,
        threads: threads(),
        app_before: AppBefore::Changing,
    };
    let sink = InterruptibleSink { sink: &sinks, stop: context.interrupt.clone() };
    let places = ExportPlaces {
        sink: &sink,
        run_image: request.images.run_image.as_ref(),
        previous: request.images.previous.as_deref().map(|source| source as _),
        cache: request.cache,
        launch_cache: request.places.launch_cache(),
    };
    let exported = export(&inputs, &places, context.log).map_err(failed)?;
    write_toml(&settings.report_path(), &exported.report)
        .map_err(|error| Failure::new(code::EXPORT, error).to("write export report"))
}

fn release_sboms(context: &Context<'_>) -> ReleaseSboms {
    let custom = context.settings.parsed.text("launcher-sbom").map(PathBuf::from);
    let custom = custom.filter(|path| path != Path::new(LIFECYCLE)).map(ComponentSboms::Custom);
    let release = || ComponentSboms::Release(LIFECYCLE.into());
    ReleaseSboms { lifecycle: Some(release()), launcher: Some(custom.unwrap_or_else(release)) }
}

fn created(context: &Context<'_>) -> i64 {
    match context.settings.source_date_epoch() {
        Some(Ok(seconds)) => seconds,
        Some(Err(text)) => {
            context.log.warn(&format!("Ignoring invalid SOURCE_DATE_EPOCH {text:?}"));
            DEFAULT_CREATED
        }
        None => DEFAULT_CREATED,
    }
}
