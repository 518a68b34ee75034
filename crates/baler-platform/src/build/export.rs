//! The last phase: what the build left becomes an image, in the store or in a layout.

use baler_cnb::group::GroupFile;
use baler_cnb::project_metadata::ProjectMetadata;
use baler_cnb::run::{RunFile, RunImage, StackFile};
use baler_image::{Sink, Target};
use baler_lifecycle::analyze::Analysis;
use baler_lifecycle::cache::TreeCache;
use baler_lifecycle::export::{DEFAULT_CREATED, ExportInputs, ExportPlaces, Exported, Launcher, ReleaseSboms};
use baler_lifecycle::launcher_binary::NoLauncher;
use baler_lifecycle::restore::Restoration;
use baler_store::Layout;

use super::PLATFORM_API;
use super::error::BuildError;
use super::prepare::Prepared;
use super::request::BuildRequest;
use crate::context::Context;
use crate::interrupt::InterruptibleSink;
use crate::log::OutputLog;
use crate::version;

/// What earlier phases found.
pub(super) struct Parts<'a> {
    pub(super) analysis: &'a Analysis,
    pub(super) group: &'a GroupFile,
    pub(super) restoration: &'a Restoration,
    pub(super) cache: &'a TreeCache<'a>,
}

pub(super) fn export(
    context: &Context<'_>,
    request: &BuildRequest,
    prepared: &Prepared,
    parts: &Parts<'_>,
    log: &OutputLog<'_>,
) -> Result<Exported, BuildError> {
    let architecture = prepared.run_image.image.platform().architecture.clone();
    let bytes = (context.launchers)(&architecture).ok_or(NoLauncher { architecture })?;
    let names: Vec<_> = std::iter::once(&request.image).chain(&request.tags).cloned().collect();
    let inputs = ExportInputs {
        platform_api: PLATFORM_API,
        layers: &prepared.directories.layers,
        app: &prepared.directories.workspace,
        user: prepared.user,
        group: parts.group,
        analysis: parts.analysis,
        restoration: parts.restoration,
        run: &run_file(prepared),
        stack: &StackFile::default(),
        project: &ProjectMetadata::default(),
        launcher: Launcher {
            bytes,
            version: version::REFERENCE_LIFECYCLE,
            repository: version::REPOSITORY,
            commit: version::COMMIT,
        },
        sboms: ReleaseSboms::embedded(),
        default_process_type: request.default_process.as_deref(),
        exec_env: request.execution_environment.as_str(),
        created: request.created.unwrap_or(DEFAULT_CREATED),
        names: &names,
        threads: context.threads,
    };
    let layout = match request.image.target() {
        Target::Reference(_) => None,
        Target::Layout { path, .. } => Some(
            Layout::create_or_open(path)
                .map_err(|source| BuildError::Layout { name: request.image.clone(), source })?,
        ),
        Target::Archive { .. } | Target::Daemon { .. } => {
            return Err(BuildError::NoSuchDestination { name: request.image.clone() });
        }
    };
    let sink: &dyn Sink = match &layout {
        Some(layout) => layout,
        None => context.store,
    };
    let sink = InterruptibleSink { sink, interrupt: context.interrupt.clone() };
    let places = ExportPlaces {
        sink: &sink,
        run_image: prepared.run_image.source(context.store),
        previous: prepared.previous.as_ref().map(|located| located.source(context.store) as &dyn baler_image::Source),
        cache: Some(parts.cache),
    };
    let exported = baler_lifecycle::export::export(&inputs, &places, log);
    context.interrupt.check()?;
    Ok(exported?)
}

/// run.toml, as the platform gives it to the phases.
fn run_file(prepared: &Prepared) -> RunFile {
    let images = prepared.builder.metadata.images.iter();
    let image = |label: &baler_cnb::labels::RunImageLabel| RunImage {
        image: label.image.clone(),
        mirrors: label.mirrors.clone(),
    };
    RunFile { images: images.map(image).collect() }
}
