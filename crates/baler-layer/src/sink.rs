//! One pass over a layer: tar bytes in; diffID, compressed blob and its digest out.
//!
//! The tar is cut into blocks of 1 MiB; each becomes one or more gzip members, made by whichever thread is free, so the
//! bytes depend on the tar alone and not on the number of threads. What does not compress is stored. Hashing runs beside
//! compression. Memory is bounded by the blocks in flight, whatever the size of the layer.
//!
//! ```text
//! produce ─► block ─┬─► hasher: diffID                       a block is used again when
//!                   └─► compressors ─► writer, in order       hasher and writer are done with it
//!                                      └─► output, digest
//! ```

pub(crate) mod block;
pub(crate) mod member;
mod noise;
mod pipeline;

use std::io::{self, Write};
use std::num::NonZeroUsize;

use baler_image::Digest;
use sha2::{Digest as _, Sha256};

/// A finished compressed layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// SHA-256 of the tar.
    pub diff_id: Digest,
    /// SHA-256 of the compressed bytes.
    pub digest: Digest,
    /// Number of compressed bytes.
    pub size: u64,
    /// Number of bytes of the tar.
    pub uncompressed_size: u64,
}

/// A layer that was only hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// SHA-256 of the tar.
    pub diff_id: Digest,
    /// Number of bytes of the tar.
    pub uncompressed_size: u64,
}

/// The compressed bytes could not be made or stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The output refused bytes.
    #[error("could not write the compressed layer")]
    Output { source: io::Error },
    /// No thread could be started.
    #[error("could not start a thread to compress the layer")]
    Thread { source: io::Error },
}

impl From<SinkError> for io::Error {
    fn from(error: SinkError) -> Self {
        Self::other(error)
    }
}

/// Runs `produce`, which writes the tar, and writes the compressed layer to `output`.
///
/// `threads` compress at once. The error is that of `produce` (such as [`crate::tar::TarError`], or [`io::Error`]), which
/// can also carry a [`SinkError`].
pub fn compress<E, F>(threads: NonZeroUsize, output: &mut (dyn Write + Send), produce: F) -> Result<Compressed, E>
where
    E: From<SinkError>,
    F: FnOnce(&mut dyn Write) -> Result<(), E>,
{
    pipeline::run(threads.get(), output, produce)
}

/// Runs `produce`, which writes the tar, and only hashes it.
pub fn hash_only<E, F>(produce: F) -> Result<Hashed, E>
where
    E: From<SinkError>,
    F: FnOnce(&mut dyn Write) -> Result<(), E>,
{
    let mut hasher = Hasher::default();
    produce(&mut hasher)?;
    Ok(Hashed { uncompressed_size: hasher.count, diff_id: hasher.finish() })
}

/// Hashes and counts what is written to it.
#[derive(Default)]
struct Hasher {
    hash: Sha256,
    count: u64,
}

impl Hasher {
    fn finish(self) -> Digest {
        Digest::from_sha256(self.hash.finalize().into())
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.count += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
