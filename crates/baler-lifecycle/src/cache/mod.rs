//! Where cached layers are between builds.

mod tree_cache;

pub use tree_cache::{BlobStore, CacheError, TreeCache};
