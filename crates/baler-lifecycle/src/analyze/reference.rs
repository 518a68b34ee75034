//! What an image is called by from analyze on, and what it is for.

use baler_cnb::analyzed::TargetMetadata;
use baler_cnb::buildpack::Distro;
use baler_cnb::labels::{BASE_DISTRO_NAME, BASE_DISTRO_VERSION, BASE_ID};
use baler_image::{ResolvedImage, Target};

use super::AnalyzeError;

/// `registry/repository@digest`, or `path@digest` for a layout: what later phases and labels call an image by.
pub fn pinned_reference(image: &ResolvedImage) -> String {
    let digest = image.digest();
    match image.name().target() {
        Target::Reference(reference) => reference.at(digest.clone()).to_string(),
        Target::Layout { path, .. } => format!("{}@{digest}", path.display()),
    }
}

/// What `image` is for, by its config and labels.
pub fn target_of(image: &ResolvedImage) -> Result<TargetMetadata, AnalyzeError> {
    let config = image.config();
    if config.os.is_empty() {
        return Err(AnalyzeError::NoOperatingSystem);
    }
    let label = |name| config.label(name).unwrap_or_default().to_owned();
    let distro = Distro { name: label(BASE_DISTRO_NAME), version: label(BASE_DISTRO_VERSION) };
    Ok(TargetMetadata {
        id: label(BASE_ID),
        os: config.os.clone(),
        arch: config.architecture.clone(),
        arch_variant: config.variant.clone().unwrap_or_default(),
        distro: (distro != Distro::default()).then_some(distro),
    })
}
