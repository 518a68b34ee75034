//! What an image is called by from analyze on, and what it is for.

use baler_cnb::analyzed::TargetMetadata;
use baler_cnb::buildpack::Distro;
use baler_cnb::labels::{BASE_DISTRO_NAME, BASE_DISTRO_VERSION, BASE_ID};
use baler_image::{Place, ResolvedImage, Target};

use super::AnalyzeError;

/// What later phases and labels call an image by: `registry/repository@digest`; `path@digest` for a layout or an archive;
/// the bare id in a daemon, as other lifecycles do.
pub fn pinned_reference(image: &ResolvedImage) -> String {
    let digest = image.identity().digest();
    if let Place::Daemon { .. } = image.place() {
        return digest.hex().to_owned();
    }
    match image.name().target() {
        Target::Reference(reference) => reference.at(digest.clone()).to_string(),
        Target::Layout { path, .. } | Target::Archive { path, .. } => format!("{}@{digest}", path.display()),
        Target::Daemon { .. } => digest.hex().to_owned(),
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
