//! All images of an OCI layout into the store.

use baler_image::{Digest, Reference};

use crate::copy::CopyError;
use crate::layout::{Layout, LayoutError};
use crate::store::Store;

/// An image that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedImage {
    pub reference: Reference,
    pub digest: Digest,
}

/// Why a layout could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    #[error("could not read the images of the layout")]
    Layout { source: LayoutError },
    #[error("the layout has no image with a name; give one")]
    NoName,
    #[error("the layout holds several images: {}; a name can be given to one only", names.join(", "))]
    Several { names: Vec<String> },
    #[error("'{name}' in the layout is no image reference")]
    BadName { name: String, source: baler_image::InvalidReference },
    #[error("could not load image '{name}'")]
    Copy { name: String, source: CopyError },
}

/// Loads the images of `layout` into `store`, each under its name in the layout, or the only one under `name`. An index
/// comes with all its images that the layout has.
pub fn load_layout(store: &Store, layout: &Layout, name: Option<&Reference>) -> Result<Vec<LoadedImage>, LoadError> {
    todo!()
}
