//! `baler rebase`: the layers of the run image below an app are replaced, without a build (platform-behaviour 4.11).
//!
//! App and run image are found once, where the image goes; only what is missing there is sent. A rebase to a registry
//! takes the run image's layers over inside of the registry where they are in it.

use std::path::PathBuf;

use baler_cnb::api::PlatformApi;
use baler_cnb::labels::{LIFECYCLE_METADATA, LifecycleMetadata};
use baler_cnb::run::RunImage;
use baler_image::{ImageName, InvalidReference, Platform, Reference, ResolvedImage, Sink, Wanted};
use baler_lifecycle::export::DEFAULT_CREATED;
use baler_lifecycle::rebase::{RebaseError as PhaseError, RebaseInputs, RebasePlaces, Rebased};

use crate::build::{OutputDirectories, OutputError, outputs, run_image};
use crate::context::Context;
use crate::destination::{Delivery, Destination, DestinationError, IfRefused, Writing};
use crate::interrupt::Interrupted;
use crate::log::OutputLog;
use crate::output::{Level, Running, Task, chain};
use crate::places::{Asked, Likely, LocateError, Located, Needed, Search, locate};

/// A rebase.
#[derive(Clone, Debug)]
pub struct RebaseRequest {
    /// What the image is saved as.
    pub image: ImageName,
    /// The app, where it has another name.
    pub previous_image: Option<ImageName>,
    /// The run image to put below; otherwise the one that the app was built on, or a mirror of it.
    pub run_image: Option<ImageName>,
    /// The user's mirrors of run images.
    pub run_image_mirrors: Vec<RunImage>,
    /// Find the app in its registry, and put it there.
    pub publish: bool,
    /// Do what would be refused.
    pub force: bool,
    /// Where report.toml is copied.
    pub report: Option<PathBuf>,
}

/// Why an image was not rebased.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebaseError {
    #[error("image '{name}' cannot be had")]
    App { name: ImageName, source: LocateError },
    #[error("could not find label '{LIFECYCLE_METADATA}' on image '{name}'")]
    NoMetadata { name: ImageName },
    #[error("label '{LIFECYCLE_METADATA}' of image '{name}' is not valid")]
    Metadata { name: ImageName, source: serde_json::Error },
    #[error("run image must be specified: image '{name}' does not say which it was built on")]
    NoRunImage { name: ImageName },
    #[error("'{text}', which the image names as its run image, is no image name")]
    RunImageName { text: String, source: InvalidReference },
    #[error("run image '{name}' cannot be had")]
    RunImage { name: ImageName, source: LocateError },
    #[error("{0}")]
    Destination(#[from] DestinationError),
    #[error("{0}")]
    Phase(#[from] PhaseError),
    #[error("{0}")]
    Output(#[from] OutputError),
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}

/// Rebases an image.
pub fn rebase(context: &Context<'_>, request: &RebaseRequest) -> Result<Rebased, RebaseError> {
    let outputs_wanted = OutputDirectories { sbom: None, report: request.report.clone() };
    outputs::check(&outputs_wanted)?;
    let app = find_app(context, request)?;
    let run_image = find_run_image(context, request, &app.image)?;
    let text = format!("Rebasing '{}' on run image '{}'", app.image.name(), run_image.image.name());
    context.output.line(Level::Info, &text);

    let names = [request.image.clone()];
    // The first request that writes finds out whether one may: nothing was done before it that could be in vain.
    let destination = Destination::unchecked(context, &names, Delivery::published(request.publish))?;
    let known = [&run_image, &app];
    let writing = Writing { known: &known, likely: Likely::New, if_refused: IfRefused::Forget };
    let rebased = destination.write(&writing, |sink| write(context, request, &names, (&app, &run_image), sink))?;
    outputs::copy(&outputs_wanted, std::path::Path::new(""), &rebased.report)?;
    Ok(rebased)
}

fn write(
    context: &Context<'_>,
    request: &RebaseRequest,
    names: &[ImageName],
    (app, run_image): (&Located, &Located),
    sink: &dyn Sink,
) -> Result<Rebased, RebaseError> {
    let inputs = RebaseInputs {
        platform_api: PlatformApi::LATEST,
        app: &app.image,
        run_image: &run_image.image,
        force: request.force,
        created: DEFAULT_CREATED,
        names,
    };
    let places = RebasePlaces { app: app.source(context.store), run_image: run_image.source(context.store), sink };
    let task = Task::new(crate::output::Activity::Step, "rebase");
    let running = Running::begin(context.output, task, None);
    Ok(running.end(baler_lifecycle::rebase::rebase(&inputs, &places, &OutputLog(context.output)))?)
}

fn find_app(context: &Context<'_>, request: &RebaseRequest) -> Result<Located, RebaseError> {
    let name = request.previous_image.as_ref().unwrap_or(&request.image);
    let search = if request.publish { Search::Registry } else { Search::By(context.pull_policy) };
    let wanted = Wanted::Preferably(Platform::host());
    let asked = Asked { role: "app", name, wanted: &wanted, search, needed: Needed::Documents };
    locate(context, &asked).map_err(|source| RebaseError::App { name: name.clone(), source })
}

/// The one that is asked for, else the one that the app was built on or a mirror of it: the first that can be read,
/// those in the registry of the image before others.
fn find_run_image(context: &Context<'_>, request: &RebaseRequest, app: &ResolvedImage) -> Result<Located, RebaseError> {
    let wanted = Wanted::Exactly(app.platform().clone());
    let read = |name: &ImageName| {
        let search = Search::By(context.pull_policy);
        locate(context, &Asked { role: "run image", name, wanted: &wanted, search, needed: Needed::Documents })
            .map_err(|source| RebaseError::RunImage { name: name.clone(), source })
    };
    if let Some(name) = &request.run_image {
        return read(name);
    }
    let offered = known_run_image(app)?;
    let preferred = request.image.reference().map(Reference::registry);
    let mut first_error = None;
    for name in run_image::names_in_order(&offered, &request.run_image_mirrors, preferred) {
        let parsed: ImageName =
            name.parse().map_err(|source| RebaseError::RunImageName { text: name.clone(), source })?;
        match read(&parsed) {
            Ok(located) => {
                let why = run_image::why_selected(&parsed, preferred, "the registry of the image");
                context.output.line(Level::Debug, &format!("Selected run image '{parsed}': {why}"));
                return Ok(located);
            }
            Err(error) => {
                context.output.line(Level::Debug, &format!("run image '{parsed}' cannot be used: {}", chain(&error)));
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or_else(|| RebaseError::NoRunImage { name: app.name().clone() }))
}

fn known_run_image(app: &ResolvedImage) -> Result<RunImage, RebaseError> {
    let name = || app.name().clone();
    let text = app.config().label(LIFECYCLE_METADATA).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| RebaseError::NoMetadata { name: name() })?;
    let metadata: LifecycleMetadata =
        serde_json::from_str(text).map_err(|source| RebaseError::Metadata { name: name(), source })?;
    metadata.known_run_image().cloned().ok_or_else(|| RebaseError::NoRunImage { name: name() })
}
