//! Names to images, once: in the store, or in the layout that the name points at.

use baler_image::{ImageName, ResolveError, ResolvedImage, Source, Target, Wanted, resolve};
use baler_store::{Layout, LayoutError, Store};

/// An image, and where its blobs are read from.
pub struct Located {
    pub image: ResolvedImage,
    layout: Option<Layout>,
}

impl Located {
    /// The place that has the image's blobs.
    pub fn source<'a>(&'a self, store: &'a Store) -> &'a (dyn Source + Sync) {
        match &self.layout {
            Some(layout) => layout,
            None => store,
        }
    }
}

/// Why an image could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    #[error("{0}")]
    Resolve(#[from] ResolveError),
    #[error("{0}")]
    Layout(#[from] LayoutError),
    #[error("'{name}': images cannot be read from there yet")]
    Unsupported { name: ImageName },
}

impl LocateError {
    /// Whether the place answered that it has no such image.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Resolve(ResolveError::NotFound { .. }))
    }

    /// Whether the image is there for other platforms only.
    pub fn is_other_platform(&self) -> bool {
        matches!(self, Self::Resolve(ResolveError::NoPlatform { .. }))
    }
}

/// Finds the image that `name` stands for.
pub fn locate(store: &Store, name: &ImageName, wanted: &Wanted) -> Result<Located, LocateError> {
    match name.target() {
        Target::Reference(reference) => {
            let image = resolve(name, wanted, store)?;
            // Pruning by age would come a little early; no reason not to use the image.
            let _ = store.note_use(reference);
            Ok(Located { image, layout: None })
        }
        Target::Layout { path, .. } => {
            let layout = Layout::open(path)?;
            Ok(Located { image: resolve(name, wanted, &layout)?, layout: Some(layout) })
        }
        Target::Archive { .. } | Target::Daemon { .. } => Err(LocateError::Unsupported { name: name.clone() }),
    }
}
