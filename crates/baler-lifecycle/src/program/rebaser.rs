//! The program `rebaser`.

use baler_cnb::features::PlatformFeatures;
use baler_cnb::labels::{LIFECYCLE_METADATA, LifecycleMetadata};
use baler_cnb::run::RunImage;

use super::analyzer::parse_names;
use super::failure::{Failure, code};
use super::places::{Located, Places};
use super::{Context, Flag, privileges, run_images};
use crate::export::DEFAULT_CREATED;
use crate::interruptible::InterruptibleSink;
use crate::rebase::{RebaseInputs, RebasePlaces, rebase};
use crate::toml_file::write_toml;

/// Its flags.
pub(super) const FLAGS: &[Flag] = &[
    Flag::boolean("daemon", "export to docker daemon"),
    Flag::boolean("force", "perform rebase without target validation").since(12),
    Flag::id("gid", "GID of user's group in the stack's build and run images"),
    Flag::text("image", "reference to run image"),
    Flag::list("insecure-registry", "insecure registries").since(13),
    Flag::text("previous-image", "reference to previous image").since(11),
    Flag::text("report", "path to report.toml"),
    Flag::text("run-image", "reference to run image"),
    Flag::id("uid", "UID of user in the stack's build and run images"),
];

/// Runs rebase.
pub(super) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let settings = context.settings;
    let places = Places::open(context)?;
    let images = settings.images()?;
    let names = parse_names(&places, images.iter().cloned())?;
    let features = PlatformFeatures::for_api(settings.platform_api);
    let previous = settings.text("previous-image", "CNB_PREVIOUS_IMAGE").filter(|_| features.rebase_previous_image);
    privileges::become_user(context, &[])?;

    if settings.parsed.text("run-image").is_some() && settings.parsed.text("image").is_some() {
        return Err(Failure::arguments("supply only one of -run-image or (deprecated) -image"));
    }
    let app = find_app(&places, previous.as_deref().unwrap_or(&images[0]))?;
    let run_image = find_run_image(context, &places, &app, &images[0])?;
    let sinks = places.sinks(&names, &[&run_image.image, &app.image]).map_err(failed)?;
    let inputs = RebaseInputs {
        platform_api: settings.platform_api,
        app: &app.image,
        run_image: &run_image.image,
        force: settings.boolean("force", "CNB_FORCE_REBASE"),
        created: DEFAULT_CREATED,
        names: &names,
    };
    let sink = InterruptibleSink { sink: &sinks, stop: context.interrupt.clone() };
    let at = RebasePlaces { app: app.source.as_ref(), run_image: run_image.source.as_ref(), sink: &sink };
    let rebased = rebase(&inputs, &at, context.log).map_err(failed)?;
    write_toml(&settings.report_path(), &rebased.report).map_err(|error| Failure::new(code::REBASE, error))
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::new(code::REBASE, error).to("rebase")
}

fn find_app(places: &Places, text: &str) -> Result<Located, Failure> {
    let name = places.name(text).map_err(|error| Failure::new(code::ARGUMENTS, error))?;
    let located = places.find(&name).map_err(failed)?;
    located.ok_or_else(|| failed(format!("access image to rebase: image '{text}' does not exist")))
}

/// The one that the user names, else the one that the app was built on, or a mirror of it.
fn find_run_image(context: &Context<'_>, places: &Places, app: &Located, output: &str) -> Result<Located, Failure> {
    let settings = context.settings;
    let old_flag = settings.parsed.text("image");
    let named = settings.text("run-image", "CNB_RUN_IMAGE");
    if let Some(text) = old_flag.map(|text| text.to_string_lossy().into_owned()).or(named) {
        return run_images::named(places, &text, code::REBASE);
    }
    let image = known_run_image(context, app)
        .ok_or_else(|| failed("-run-image is required when there is no run image metadata available"))?;
    run_images::choose(context, places, &image, output).map_err(|failure| failed(failure.text()))
}

fn known_run_image(context: &Context<'_>, app: &Located) -> Option<RunImage> {
    let text = app.image.config().label(LIFECYCLE_METADATA)?;
    let metadata: LifecycleMetadata = serde_json::from_str(text).ok()?;
    let has_run_images = PlatformFeatures::for_api(context.settings.platform_api).run_toml;
    if has_run_images { metadata.known_run_image() } else { metadata.run_image_of_stack() }.cloned()
}
