//! Where cached layers are between builds (lifecycle, "Caches").
//!
//! There is one kind: [`TreeCache`], in Baler's own store. It needs no trait yet; what restore and export ask of a cache
//! is its crate-visible part.

mod record;
mod tree_cache;

pub use tree_cache::{BlobStore, CacheError, TreeCache};

pub(crate) use record::CachedBlob;
pub(crate) use tree_cache::{CacheUpdate, CachedLayer};
