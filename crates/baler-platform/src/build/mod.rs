//! `baler build`: from source to image.
//!
//! The story of a build: images are resolved, once; the builder's layers become a root file system; the application is
//! copied into a workspace; analyze, restore and export run here, detect and build in the sandbox. Each phase hands a
//! value to the next.

mod builder_image;
mod cache;
mod directories;
mod error;
mod events;
mod executor;
mod export;
mod extensions;
mod ground;
mod in_place;
mod layers_files;
mod order;
pub(crate) mod outputs;
mod phase;
mod prepare;
mod request;
pub(crate) mod run_image;
mod surroundings;
pub mod workspace;

use std::time::Duration;

use baler_cnb::api::PlatformApi;
use baler_cnb::group::GroupFile;
use baler_lifecycle::analyze::{self, Analysis, AnalyzeInputs};
use baler_lifecycle::cache::Cache;
use baler_lifecycle::export::Exported;
use baler_lifecycle::restore::{self, Restoration, RestoreInputs};

pub use builder_image::{BuilderImage, BuilderImageError};
pub use cache::BuildCacheError;
pub use directories::DirectoryError;
pub use error::BuildError;
pub use executor::{Executor, ExecutorChoice};
pub use extensions::ExtensionError;
pub use in_place::InPlaceError;
pub(crate) use in_place::is_builder;
pub use layers_files::LayersFileError;
pub use order::BuildOrderError;
pub use outputs::OutputError;
pub use phase::{Phase, PhaseError};
pub use request::{
    BuildRequest, BuildpackRequest, CacheRequest, ExecutionEnvironment, InvalidExecutionEnvironment,
    InvalidWorkspaceName, OutputDirectories, RequestedModule, UserRequest, WorkspaceName,
};
pub(crate) use surroundings::{home_directory, host_files};

use crate::context::Context;
use crate::log::OutputLog;
use crate::output::{Level, Step, step};
use prepare::Prepared;

/// The Platform API between Baler and its phases.
const PLATFORM_API: PlatformApi = PlatformApi::LATEST;

/// What a build made.
pub struct Built {
    pub exported: Exported,
    /// How long each step took.
    pub steps: Vec<(Step, Duration)>,
}

/// Builds an image.
pub fn build(context: &Context<'_>, request: &BuildRequest) -> Result<Built, BuildError> {
    let mut steps = Vec::new();
    let log = OutputLog(context.output);

    outputs::check(&request.outputs)?;
    let (prepared, taken) = step(context.output, Step::Prepare, || prepare::prepare(context, request));
    steps.push((Step::Prepare, taken));
    let mut prepared = prepared?;
    let built = run_phases(context, request, &mut prepared, (&mut steps, &log));
    // So that the next build need not copy it again, however this one ended.
    let app = built.as_ref().ok().and_then(|exported| exported.app.as_ref());
    if let Err(error) = prepared.workspace.give_back(app) {
        context.output.line(Level::Debug, &format!("Not keeping the copy of the application: {error}"));
    }
    let exported = built?;
    // So that a thousand builds leave no more than a few. The image is there in any case.
    if let Err(error) = context.store.tidy() {
        context.output.line(Level::Warning, &format!("could not remove what earlier builds left: {error}"));
    }
    Ok(Built { exported, steps })
}

fn run_phases(
    context: &Context<'_>,
    request: &BuildRequest,
    prepared: &mut Prepared<'_>,
    (steps, log): (&mut Vec<(Step, Duration)>, &OutputLog<'_>),
) -> Result<Exported, BuildError> {
    let mut timed = |name, taken| steps.push((name, taken));
    if request.clear_cache {
        prepared.cache.clear(context)?;
    }
    let cache = prepared.cache.open(context)?;
    let cache = cache.as_ref();

    let (analysis, taken) = step(context.output, Step::Analyze, || analyze(prepared, context, request, log));
    timed(Step::Analyze, taken);
    let mut analysis = analysis?;

    let (group, taken) = step(context.output, Step::Detect, || detect(prepared, context, request, &mut analysis));
    timed(Step::Detect, taken);
    let group = group?;

    let (restoration, taken) =
        step(context.output, Step::Restore, || restore(context, request, prepared, &analysis, &group, cache, log));
    timed(Step::Restore, taken);
    let restoration = restoration?;

    let (result, taken) = step(context.output, Step::Build, || run_build(context, prepared));
    timed(Step::Build, taken);
    if let Err(error) = result {
        // The blobs are still there: a tree that does not come back is made again.
        if let Some(trees) = cache.trees()
            && let Err(lost) = restoration.give_back(trees, &prepared.directories.layers)
        {
            context.output.line(Level::Warning, &format!("could not give restored layers back to the cache: {lost}"));
        }
        return Err(error);
    }

    let (exported, taken) = step(context.output, Step::Export, || {
        let parts = export::Parts { analysis: &analysis, group: &group, restoration: &restoration, cache };
        export::export(context, request, prepared, &parts, log)
    });
    timed(Step::Export, taken);
    let exported = exported?;
    outputs::copy(&request.outputs, &prepared.directories.layers.host, &exported.report)?;
    Ok(exported)
}

fn analyze(
    prepared: &mut Prepared<'_>,
    context: &Context<'_>,
    request: &BuildRequest,
    log: &OutputLog<'_>,
) -> Result<Analysis, BuildError> {
    let previous = prepared.previous.as_ref();
    let inputs = AnalyzeInputs {
        platform_api: PLATFORM_API,
        previous: previous.map(|located| (located.image.clone(), located.source(context.store))),
        run_image: prepared.run_image.image.clone(),
        skip_layers: request.clear_cache,
        layers: &prepared.directories.layers,
        user: prepared.user,
    };
    let analysis = analyze::analyze(inputs, log)?;
    layers_files::write_toml(&prepared.directories.layers.host, "analyzed.toml", &analysis.to_analyzed())?;
    prepared.directories.give(prepared.user, prepared.workspace.is_given())?;
    Ok(analysis)
}

/// Finds the group, and the run image that its extensions want.
fn detect(
    prepared: &mut Prepared<'_>,
    context: &Context<'_>,
    request: &BuildRequest,
    analysis: &mut Analysis,
) -> Result<GroupFile, BuildError> {
    let scratch = prepared.directories.root_scratch("detect")?;
    prepared.chamber(context).run(Phase::Detect, scratch)?;
    let group = layers_files::read_toml(&prepared.directories.layers.host, "group.toml")?;
    extensions::apply(context, request, prepared, analysis, &group)?;
    Ok(group)
}

fn restore(
    context: &Context<'_>,
    request: &BuildRequest,
    prepared: &Prepared<'_>,
    analysis: &Analysis,
    group: &GroupFile,
    cache: &dyn Cache,
    log: &OutputLog<'_>,
) -> Result<Restoration, BuildError> {
    let inputs = RestoreInputs {
        platform_api: PLATFORM_API,
        group: &group.group,
        metadata: analysis.metadata(),
        cache: Some(cache),
        layers: &prepared.directories.layers,
        user: prepared.user,
        skip_layers: request.clear_cache,
        threads: context.threads,
    };
    Ok(restore::restore(&inputs, log)?)
}

fn run_build(context: &Context<'_>, prepared: &Prepared<'_>) -> Result<(), BuildError> {
    let scratch = prepared.directories.root_scratch("build")?;
    Ok(prepared.chamber(context).run(Phase::Build, scratch)?)
}
