//! OCI images as values: reference, digest, platform, index, manifest, config; and the one way to resolve a reference.

mod digest;

pub use digest::{Algorithm, Digest, InvalidDigest};
