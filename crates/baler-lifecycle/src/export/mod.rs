//! Export: the app image, and the cache for the next build (lifecycle, "exporter").
//!
//! | module | owns |
//! |---|---|
//! | `gather`, `pieces` | what the build left, and the layers that come of it |
//! | `pack`, `content`, `pending` | pieces become blobs, each read at most once, several at a time |
//! | `plan`, `config`, `labels`, `run_image` | what the image will be: pure |
//! | `announce` | what is told of the layers meanwhile |
//! | `app_layers` | an application that nobody has touched |
//! | `apply` | the plan carried out |
//! | `cache` | what the next build gets |
//!
//! Refused: layers whose `<layer>.toml` is malformed, layers to be reused that no previous image has, a default process
//! that does not exist.

mod announce;
mod app_layers;
pub(crate) mod apply;
mod cache;
mod config;
mod content;
mod error;
mod gather;
mod labels;
mod pack;
mod pending;
mod piece;
mod pieces;
pub(crate) mod plan;
mod run;
mod run_image;
mod sboms;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use baler_cnb::api::PlatformApi;
use baler_cnb::group::GroupFile;
use baler_cnb::project_metadata::ProjectMetadata;
use baler_cnb::report::Report;
use baler_cnb::run::{RunFile, StackFile};
use baler_image::{Digest, ImageName, ResolvedImage, Sink, Source};

pub use app_layers::{AppBefore, AppLayers};
pub(crate) use apply::is_foreign;
pub use error::{ExportError, LayerError};
pub use run::export;
pub(crate) use run::image_report;
pub use run_image::offers_run_image;

use crate::analyze::Analysis;
use crate::cache::{Cache, LaunchCache};
use crate::mounted::{BuildUser, MountedDirectory};
use crate::release_sboms::{self, SbomFiles};
use crate::restore::Restoration;

/// What export works with.
pub struct ExportInputs<'a> {
    pub platform_api: PlatformApi,
    pub layers: &'a MountedDirectory,
    pub app: &'a MountedDirectory,
    pub user: BuildUser,
    pub group: &'a GroupFile,
    pub analysis: &'a Analysis,
    pub restoration: &'a Restoration,
    /// run.toml, Platform API ≥ 0.12.
    pub run: &'a RunFile,
    /// stack.toml, Platform API < 0.12.
    pub stack: &'a StackFile,
    pub project: &'a ProjectMetadata,
    pub launcher: Launcher<'a>,
    /// SBOM files of lifecycle and launcher, Platform API ≥ 0.11.
    pub sboms: ReleaseSboms,
    /// The process that the user wants to be started.
    pub default_process_type: Option<&'a str>,
    /// `CNB_EXEC_ENV`, Platform API ≥ 0.15.
    pub exec_env: &'a str,
    /// Creation time, in seconds since 1970: [`DEFAULT_CREATED`] unless the user chose another one.
    pub created: i64,
    /// What the image is saved as: at least one name.
    pub names: &'a [ImageName],
    /// Threads for reading, hashing and compressing.
    pub threads: NonZeroUsize,
    /// What is known of the application's directory.
    pub app_before: AppBefore,
}

/// The creation time of images whose user chose none: 1980-01-01T00:00:01Z.
pub const DEFAULT_CREATED: i64 = baler_layer::NORMALISED_TIME;

/// The same as RFC 3339 has it.
pub const DEFAULT_CREATED_TEXT: &str = "1980-01-01T00:00:01Z";

/// The launcher that goes into the image.
#[derive(Clone, Copy, Debug)]
pub struct Launcher<'a> {
    pub bytes: &'a [u8],
    /// What the label says of it.
    pub version: &'a str,
    pub repository: &'a str,
    pub commit: &'a str,
}

/// The SBOM files of a release; where there are none, nothing is said about it.
#[derive(Clone, Debug, Default)]
pub struct ReleaseSboms {
    /// Those of the lifecycle.
    pub lifecycle: Option<ComponentSboms>,
    /// Those of the launcher.
    pub launcher: Option<ComponentSboms>,
}

/// Where the SBOM files of a component are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentSboms {
    /// In this program.
    Embedded(SbomFiles),
    /// A directory with `COMPONENT.sbom.*.json`.
    Release(PathBuf),
    /// A directory that the user names: all SBOM files in it.
    Custom(PathBuf),
}

impl ReleaseSboms {
    /// Those that are in this program.
    pub fn embedded() -> Self {
        let files = |files: SbomFiles| (!files.is_empty()).then_some(ComponentSboms::Embedded(files));
        Self { lifecycle: files(release_sboms::lifecycle()), launcher: files(release_sboms::launcher()) }
    }
}

/// Where export reads from and writes to. Blobs go from source to sink only where the sink lacks them.
#[derive(Clone, Copy)]
pub struct ExportPlaces<'a> {
    pub sink: &'a dyn Sink,
    /// Has the blobs of the run image.
    pub run_image: &'a dyn Source,
    /// Has the blobs of the previous image.
    pub previous: Option<&'a dyn Source>,
    pub cache: Option<&'a dyn Cache>,
    /// Gets copies of the layers above the run image.
    pub launch_cache: Option<&'a LaunchCache>,
}

/// What export wrote.
#[derive(Debug)]
pub struct Exported {
    pub image: ResolvedImage,
    pub report: Report,
    /// The layers above the run image, bottom first.
    pub layers: Vec<LayerReport>,
    /// The cached layers.
    pub cached: Vec<LayerReport>,
    /// What to remember of the application, where its directory is kept and has changed.
    pub app: Option<AppLayers>,
}

/// What became of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerReport {
    /// `buildpack:layer`, or the lifecycle's own name of it.
    pub what: String,
    pub diff_id: Digest,
    /// Compressed bytes.
    pub size: u64,
    pub outcome: LayerOutcome,
    /// Whether its files were read.
    pub was_read: bool,
    /// How long reading, hashing and compressing took.
    pub duration: Duration,
}

/// Whether a layer is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerOutcome {
    /// The previous image, or the previous cache, has it.
    Reused,
    Added,
}

impl LayerReport {
    fn of(what: &str, diff_id: &Digest, size: u64, outcome: LayerOutcome, packed: Option<&pack::Packed>) -> Self {
        Self {
            what: what.to_owned(),
            diff_id: diff_id.clone(),
            size,
            outcome,
            was_read: packed.is_some_and(|packed| packed.was_read),
            duration: packed.map(|packed| packed.duration).unwrap_or_default(),
        }
    }
}
