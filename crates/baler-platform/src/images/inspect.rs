//! What an image is made of: digests, layers, and what the labels of an app image or a builder say.

use baler_cnb::labels::{
    BUILD_METADATA, BUILDER_METADATA, BuildLabel, BuilderLabel, LIFECYCLE_METADATA, LifecycleMetadata,
};
use baler_image::ResolvedImage;

/// An image with its labels read. A label that is absent or cannot be read is `None`.
#[derive(Clone, Debug)]
pub struct Inspection {
    pub image: ResolvedImage,
    pub lifecycle: Option<LifecycleMetadata>,
    pub build: Option<BuildLabel>,
    pub builder: Option<BuilderLabel>,
}

/// Reads the labels.
pub fn inspect(image: ResolvedImage) -> Inspection {
    let read = |label| image.config().label(label).map(str::to_owned);
    let parse = |label| read(label).unwrap_or_default();
    Inspection {
        lifecycle: serde_json::from_str(&parse(LIFECYCLE_METADATA)).ok(),
        build: serde_json::from_str(&parse(BUILD_METADATA)).ok(),
        builder: serde_json::from_str(&parse(BUILDER_METADATA)).ok(),
        image,
    }
}
