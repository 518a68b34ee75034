//! Analyze: what is known of the previous image and the run image (lifecycle, "analyzer").
//!
//! The caller has resolved both images. An undecodable label means that there is no previous image; a run image without
//! an operating system is refused.

use baler_cnb::analyzed::{Analyzed, TargetMetadata};
use baler_cnb::api::PlatformApi;
use baler_cnb::labels::LifecycleMetadata;
use baler_image::{ResolvedImage, Source};

use crate::log::Log;
use crate::mounted::{BuildUser, MountedDirectory};

/// What analyze looks at.
pub struct AnalyzeInputs<'a> {
    pub platform_api: PlatformApi,
    /// The image that this build replaces, and where its blobs are. `None`: there is none.
    pub previous: Option<(ResolvedImage, &'a (dyn Source + Sync))>,
    pub run_image: ResolvedImage,
    /// Nothing of the previous image's layers is wanted.
    pub skip_layers: bool,
    pub layers: &'a MountedDirectory,
    pub user: BuildUser,
}

/// What analyze found.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// The image that this build replaces, if its label can be read.
    pub previous: Option<Previous>,
    pub run_image: ResolvedImage,
    /// What the run image is for, from Platform API 0.12 on.
    pub target: Option<TargetMetadata>,
    /// The SBOM layer of the previous image is in the layers directory.
    pub has_restored_sbom: bool,
}

/// The image that a build replaces.
#[derive(Clone, Debug)]
pub struct Previous {
    pub image: ResolvedImage,
    /// Its label `io.buildpacks.lifecycle.metadata`.
    pub metadata: LifecycleMetadata,
}

/// Why the images could not be analyzed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalyzeError {
    #[error("failed to find OS in run image config")]
    NoOperatingSystem,
}

impl Analysis {
    /// As analyzed.toml.
    pub fn to_analyzed(&self) -> Analyzed {
        todo!()
    }

    /// The previous image's metadata; empty if there is none.
    pub fn metadata(&self) -> LifecycleMetadata {
        self.previous.as_ref().map(|previous| previous.metadata.clone()).unwrap_or_default()
    }
}

/// `registry/repository@digest`, or `path@digest` for a layout: what later phases and the label call an image by.
pub fn pinned_reference(image: &ResolvedImage) -> String {
    todo!("{}", image.digest())
}

/// Reads the previous image's metadata and the run image's target; puts the previous image's SBOM files where restore
/// finds them.
pub fn analyze(inputs: AnalyzeInputs<'_>, log: &dyn Log) -> Result<Analysis, AnalyzeError> {
    todo!()
}
