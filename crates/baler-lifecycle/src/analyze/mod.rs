//! Analyze: what is known of the previous image and the run image (lifecycle, "analyzer").
//!
//! The caller has resolved both images. An undecodable label means that there is no previous image; a run image without
//! an operating system is refused.

mod reference;
mod sbom;

use baler_cnb::analyzed::{Analyzed, ImageReference, RunImageAnalysis, TargetMetadata};
use baler_cnb::api::PlatformApi;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::labels::{LIFECYCLE_METADATA, LifecycleMetadata};
use baler_image::{ResolvedImage, Source};

pub use reference::{pinned_reference, target_of};

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
    /// What an earlier phase found, read from analyzed.toml and found again.
    pub fn from_analyzed(analyzed: &Analyzed, previous: Option<ResolvedImage>, run_image: ResolvedImage) -> Self {
        let metadata = &analyzed.metadata;
        let previous = previous.map(|image| Previous { image, metadata: metadata.clone() });
        let target = analyzed.run_image.as_ref().and_then(|run_image| run_image.target.clone());
        Self { previous, run_image, target }
    }

    /// As analyzed.toml.
    pub fn to_analyzed(&self) -> Analyzed {
        let reference = self.previous.as_ref().map(|previous| pinned_reference(&previous.image)).unwrap_or_default();
        let run_image = RunImageAnalysis {
            reference: pinned_reference(&self.run_image),
            image: self.target.as_ref().map(|_| self.run_image.name().given().to_owned()).unwrap_or_default(),
            extend: false,
            target: self.target.clone(),
        };
        Analyzed {
            image: Some(ImageReference { reference }),
            build_image: None,
            metadata: self.metadata().cloned().unwrap_or_default(),
            run_image: Some(run_image),
        }
    }

    /// The same build on another run image.
    pub fn switch_run_image(&mut self, run_image: ResolvedImage) -> Result<(), AnalyzeError> {
        self.target = self.target.as_ref().map(|_| target_of(&run_image)).transpose()?;
        self.run_image = run_image;
        Ok(())
    }

    /// The previous image's metadata.
    pub fn metadata(&self) -> Option<&LifecycleMetadata> {
        self.previous.as_ref().map(|previous| &previous.metadata)
    }
}

/// Reads the previous image's metadata and the run image's target; puts the previous image's SBOM files where restore
/// finds them.
pub fn analyze(inputs: AnalyzeInputs<'_>, log: &dyn Log) -> Result<Analysis, AnalyzeError> {
    let features = PlatformFeatures::for_api(inputs.platform_api);
    let target = if features.targets { Some(target_of(&inputs.run_image)?) } else { None };
    let previous = inputs.previous.and_then(|(image, source)| {
        let metadata = read_label(&image, log)?;
        if features.sbom_layers && !inputs.skip_layers {
            sbom::restore_from_previous(&image, &metadata, source, inputs.layers, inputs.user, log);
        }
        Some(Previous { image, metadata })
    });
    Ok(Analysis { previous, run_image: inputs.run_image, target })
}

fn read_label(image: &ResolvedImage, log: &dyn Log) -> Option<LifecycleMetadata> {
    log.debug(&format!("Found image with identifier {:?}", pinned_reference(image)));
    // Without the label there is nothing to reuse, but there is an image.
    let Some(text) = image.config().label(LIFECYCLE_METADATA).filter(|text| !text.is_empty()) else {
        return Some(LifecycleMetadata::default());
    };
    match serde_json::from_str(text) {
        Ok(metadata) => Some(metadata),
        Err(error) => {
            log.debug(&format!(
                "Ignoring image {:?}: its label {LIFECYCLE_METADATA} is not valid: {error}",
                image.name().given()
            ));
            None
        }
    }
}
