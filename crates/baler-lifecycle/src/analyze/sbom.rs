//! The SBOM files of the previous image's launch layers, for restore to give back.

use baler_cnb::labels::LifecycleMetadata;
use baler_image::{ResolvedImage, Source};

use crate::error_text::chain;
use crate::extract::{Extraction, extract_from};
use crate::files::{make_directories, remove_tree};
use crate::log::Log;
use crate::mounted::{BuildUser, MountedDirectory};

/// Unpacks `/layers/sbom/launch` of the previous image. A layer that cannot be had costs the files, not the build.
pub(super) fn restore_from_previous(
    image: &ResolvedImage,
    metadata: &LifecycleMetadata,
    source: &dyn Source,
    layers: &MountedDirectory,
    user: BuildUser,
    log: &dyn Log,
) {
    let Some(sha) = metadata.sbom.as_ref().map(|sbom| sbom.sha.as_str()).filter(|sha| !sha.is_empty()) else {
        return;
    };
    log.info("Restoring data for SBOM from previous image");
    let attempt = || -> Result<(), Box<dyn std::error::Error>> {
        let layer = image.layers().iter().find(|layer| layer.diff_id.to_string() == sha);
        let layer = layer.ok_or_else(|| format!("image has no layer with diff id {sha}"))?;
        make_directories(&layers.host, "sbom".as_ref(), user.host)?;
        let launch = layers.join("sbom/launch");
        // What an earlier build left there.
        remove_tree(&launch.host)?;
        let extraction = Extraction {
            diff_id: &layer.diff_id,
            path_in_image: &launch.image,
            target: &launch.host,
            scratch: &layers.host,
            owner: user.host,
        };
        Ok(extract_from(|| source.blob(&layer.descriptor), &extraction)??)
    };
    if let Err(error) = attempt() {
        log.warn(&format!("Skipping SBOM of previous image: {}", chain(error.as_ref())));
    }
}
