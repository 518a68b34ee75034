//! Why a cache that is there is not used: the next build goes on without it, and whoever opens it says so.

use std::path::PathBuf;

use baler_cnb::labels::CACHE_METADATA;
use baler_image::{ImageName, ResolveError};

use crate::error_text::chain;

/// A cache that cannot be used. Its text is the warning that is printed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DamagedCache {
    /// What has the name is no image, or none that can be read.
    #[error("Not using the cache image '{name}': {}", chain(source))]
    Image { name: ImageName, source: ResolveError },
    #[error("Not using the cache image '{name}': the label {CACHE_METADATA} is not valid: {source}")]
    Label { name: ImageName, source: serde_json::Error },
    #[error("Not using the cache {}: its metadata is damaged: {source}", path.display())]
    Metadata { path: PathBuf, source: serde_json::Error },
}
