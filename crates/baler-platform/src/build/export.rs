//! The last phase: what the build left becomes an image, in the store, in a layout, or in registries.

use baler_cnb::group::GroupFile;
use baler_cnb::run::{RunFile, RunImage, StackFile};
use baler_image::{Sink, Source};
use baler_lifecycle::analyze::Analysis;
use baler_lifecycle::cache::Cache;
use baler_lifecycle::export::{DEFAULT_CREATED, ExportInputs, ExportPlaces, Exported, Launcher, ReleaseSboms};
use baler_lifecycle::interruptible::InterruptibleSink;
use baler_lifecycle::launcher_binary::NoLauncher;
use baler_lifecycle::restore::Restoration;
use baler_store::copy_image;

use super::PLATFORM_API;
use super::destination::DestinationError;
use super::error::BuildError;
use super::prepare::Prepared;
use super::request::{BuildRequest, Delivery};
use crate::context::Context;
use crate::log::OutputLog;
use crate::output::Activity;
use crate::places::Located;
use crate::transfers::Transfers;
use crate::version;

/// What earlier phases found.
pub(super) struct Parts<'a> {
    pub(super) analysis: &'a Analysis,
    pub(super) group: &'a GroupFile,
    pub(super) restoration: &'a Restoration,
    pub(super) cache: &'a dyn Cache,
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
    let names = request.names();
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
        project: &request.project,
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
        app_before: prepared.workspace.app_before(context.threads),
    };
    for located in std::iter::once(&prepared.run_image).chain(&prepared.previous) {
        prepared.destination.learn(&located.image);
    }
    let exported = match prepared.destination.sink(context) {
        Ok(sink) => write(context, &inputs, sink, prepared, parts, log),
        Err(destinations) => {
            let known: Vec<&Located> = std::iter::once(&prepared.run_image).chain(&prepared.previous).collect();
            destinations.publish(context, &known, |sink| write(context, &inputs, sink, prepared, parts, log))
        }
    }?;
    if request.delivery == Delivery::RegistriesAndStore {
        keep(context, request, &exported)?;
    }
    Ok(exported)
}

fn write(
    context: &Context<'_>,
    inputs: &ExportInputs<'_>,
    sink: &dyn Sink,
    prepared: &Prepared,
    parts: &Parts<'_>,
    log: &OutputLog<'_>,
) -> Result<Exported, BuildError> {
    let sink = InterruptibleSink { sink, stop: context.interrupt.clone() };
    let places = ExportPlaces {
        sink: &sink,
        run_image: prepared.run_image.source(context.store),
        previous: prepared.previous.as_ref().map(|located| located.source(context.store) as &dyn Source),
        cache: Some(parts.cache),
        launch_cache: None,
    };
    let exported = baler_lifecycle::export::export(inputs, &places, log);
    context.interrupt.check()?;
    Ok(exported?)
}

/// Keeps a published image in the local store as well. Its new layers are there already.
fn keep(context: &Context<'_>, request: &BuildRequest, exported: &Exported) -> Result<(), BuildError> {
    let Some(reference) = request.image.reference() else { return Ok(()) };
    let source = context.places.registries().source(reference).map_err(DestinationError::from)?;
    let transfers = Transfers::new(context.output, Activity::Pull);
    for name in request.names() {
        copy_image(&exported.image, &source, context.store, &name, &|event| transfers.tell(event))
            .map_err(|source| BuildError::Keep { name, source })?;
    }
    Ok(())
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
