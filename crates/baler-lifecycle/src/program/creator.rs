//! The program `creator`: all phases in one process, without extensions.

use baler_cnb::features::PlatformFeatures;

use super::analyzer::{self, analyze_images};
use super::builder::run_buildpacks;
use super::detector::find_group;
use super::exporter::{self, export_image};
use super::failure::{Failure, code};
use super::privileges::with_user;
use super::restorer::{self, restore_layers};
use super::settings::Settings;
use super::{Context, Flag, caches, privileges};
use crate::log::Log as _;
use crate::restore::Restoration;

/// Its flags.
pub(super) const FLAGS: &[Flag] = &[
    Flag::text("app", "path to app directory"),
    Flag::text("build-config", "path to build config directory").since(11),
    Flag::text("buildpacks", "path to buildpacks directory"),
    Flag::text("cache-dir", "path to cache directory"),
    Flag::text("cache-image", "cache image tag name"),
    Flag::boolean("daemon", "export to docker daemon"),
    Flag::id("gid", "GID of user's group in the stack's build and run images"),
    Flag::list("insecure-registry", "insecure registries").since(13),
    Flag::text("launch-cache", "path to launch cache directory"),
    Flag::text("launcher", "path to launcher binary"),
    Flag::text("launcher-sbom", "path to launcher SBOM directory").since(11),
    Flag::text("layers", "path to layers directory"),
    Flag::boolean("layout", "export to OCI layout format on disk").since(12),
    Flag::text("layout-dir", "path to layout directory").since(12),
    Flag::text("order", "path to order.toml"),
    Flag::boolean("parallel", "export app image and cache image in parallel"),
    Flag::text("platform", "path to platform directory"),
    Flag::text("previous-image", "reference to previous image"),
    Flag::text("process-type", "default process type"),
    Flag::text("project-metadata", "path to project-metadata.toml"),
    Flag::text("report", "path to report.toml"),
    Flag::text("run", "path to run.toml").since(12),
    Flag::text("run-image", "reference to run image"),
    Flag::boolean("skip-restore", "do not restore layers or layer metadata"),
    Flag::text("stack", "path to stack.toml"),
    Flag::text("system", "path to system.toml").since(15),
    Flag::list("tag", "additional tags"),
    Flag::id("uid", "UID of user in the stack's build and run images"),
];

/// Runs all phases.
pub(super) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let settings = context.settings;
    let request = analyzer::request(context)?;
    caches::warn_of_export(context);
    let mut given: Vec<_> = caches::directories(context).collect();
    given.push(settings.layers_directory());
    let user = privileges::become_user(context, &given)?;
    privileges::hide_memory()?;
    let passwd = fs_err::read_to_string("/etc/passwd").unwrap_or_default();
    let environment = with_user(settings.environment.clone(), &passwd, user.image.uid);
    let settings = Settings::new(settings.platform_api, settings.parsed.clone(), environment);
    let context = &Context { settings: &settings, ..*context };

    let features = PlatformFeatures::for_api(settings.platform_api);
    let skip =
        settings.boolean("skip-restore", "CNB_SKIP_RESTORE") || settings.boolean("skip-restore", "CNB_SKIP_LAYERS");
    context.log.info("===> ANALYZING");
    let images = analyze_images(context, &request, user, skip)?;
    context.log.info("===> DETECTING");
    let group = find_group(context)?.group;
    if !group.group_extensions.is_empty() {
        return Err(Failure::new(code::DETECT, "detected extensions, which the creator does not support").to("detect"));
    }
    let cache = caches::open(context, &request.places)?;
    let restoration = if skip && !features.store_survives_skip_restore {
        Restoration::default()
    } else {
        context.log.info("===> RESTORING");
        let analyzed = images.analysis.to_analyzed();
        let request =
            restorer::Request { group: &group, analyzed: &analyzed, cache: cache.as_deref(), user, skip_layers: skip };
        restore_layers(context, &request)?
    };
    context.log.info("===> BUILDING");
    run_buildpacks(context)?;
    context.log.info("===> EXPORTING");
    let request = exporter::Request {
        names: &request.names,
        group: &group,
        images: &images,
        restoration: &restoration,
        places: &request.places,
        cache: cache.as_deref(),
        user,
    };
    export_image(context, &request)
}
