//! The last phase: what the build left becomes an image, where it is to go.

use baler_cnb::group::GroupFile;
use baler_cnb::run::{RunFile, RunImage, StackFile};
use baler_image::Source;
use baler_lifecycle::analyze::Analysis;
use baler_lifecycle::cache::Cache;
use baler_lifecycle::export::{DEFAULT_CREATED, ExportInputs, ExportPlaces, Exported, Launcher, ReleaseSboms};
use baler_lifecycle::launcher_binary::NoLauncher;
use baler_lifecycle::restore::Restoration;

use super::PLATFORM_API;
use super::error::BuildError;
use super::prepare::Prepared;
use super::request::BuildRequest;
use crate::context::Context;
use crate::destination::{IfRefused, Writing};
use crate::log::OutputLog;
use crate::places::{Likely, Located};
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
    prepared: &Prepared<'_>,
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
    let known: Vec<&Located> = std::iter::once(&prepared.run_image).chain(&prepared.previous).collect();
    let writing = Writing { known: &known, likely: Likely::New, if_refused: IfRefused::Keep };
    prepared.destination.write(&writing, |sink| {
        let places = ExportPlaces {
            sink,
            run_image: prepared.run_image.source(context.store),
            previous: prepared.previous.as_ref().map(|located| located.source(context.store) as &dyn Source),
            cache: Some(parts.cache),
            launch_cache: None,
        };
        Ok(baler_lifecycle::export::export(&inputs, &places, log)?)
    })
}

/// run.toml, as the platform gives it to the phases.
fn run_file(prepared: &Prepared<'_>) -> RunFile {
    let images = prepared.builder.metadata.images.iter();
    let image = |label: &baler_cnb::labels::RunImageLabel| RunImage {
        image: label.image.clone(),
        mirrors: label.mirrors.clone(),
    };
    RunFile { images: images.map(image).collect() }
}
