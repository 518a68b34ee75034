//! A layer unpacked as a lower directory of an overlay (OCI image specification: "Applying Changesets").
//!
//! Every path is resolved inside the target, whatever links the layer has. Whiteouts become what overlayfs takes for
//! them: a character device 0:0, and `user.overlay.opaque`. Device nodes are left out. What the header says of owners is
//! applied or only recorded, as [`Owners`] says. Refused: names that leave the target, hard links to what the layer does
//! not have, too many entries, too many bytes, a tar of another diffID than expected.

mod attributes;
mod error;
mod members;
mod place;
mod remove;
pub(crate) mod stream;
mod unpack;
mod writers;
pub(crate) mod zstd;

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;

use baler_image::Digest;

pub use error::ApplyError;
pub use stream::{Compression, plain};

use crate::ownership::OwnershipIndex;
use crate::tar::{Owner, TarReader};
use unpack::Unpacker;
use writers::Writers;

/// What happens to the owners in the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// Every entry is given to the ids of its header: for root, or root of a user namespace.
    Keep,
    /// Every file stays the caller's; what the header says is only recorded. Setuid and setgid bits of files are
    /// dropped then, as they would lend the caller's own identity to others.
    Record,
    /// The layer is no lower directory but a build's own directory, taken out of its layer again: every entry is given to
    /// this owner (`None`: stays the caller's), keeps all bits of its mode and gets the time of now, and names of
    /// whiteouts are names of files.
    Restore(Option<Owner>),
}

/// How to apply a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyOptions {
    pub owners: Owners,
    /// Refuse a layer whose tar has another digest.
    pub expected_diff_id: Option<Digest>,
    /// Refuse a layer with more entries.
    pub maximum_entries: u64,
    /// Refuse a layer with more bytes of tar.
    pub maximum_bytes: u64,
    /// How many threads inflate a layer that our own writer made.
    pub threads: NonZeroUsize,
}

impl ApplyOptions {
    /// Generous limits and no expected diffID.
    pub fn new(owners: Owners) -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { owners, expected_diff_id: None, maximum_entries: 20_000_000, maximum_bytes: 1 << 40, threads }
    }
}

/// What applying a layer gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// SHA-256 of the tar, whatever compression it came in.
    pub diff_id: Digest,
    /// Number of entries in the tar.
    pub entries: u64,
    /// Number of bytes of the tar.
    pub bytes: u64,
    /// Device nodes that were left out.
    pub skipped_devices: u64,
    /// Extended attributes that were left out.
    pub skipped_attributes: u64,
    /// What the headers said about owners, and more that stacking needs.
    pub writable: OwnershipIndex,
}

/// Applies the layer in `reader` (tar, gzip of any number of members, or zstd) to the empty directory `target`.
///
/// After an error the directory holds a part of the layer and is to be removed.
pub fn apply(reader: impl Read + Send, target: &Path, options: &ApplyOptions) -> Result<Applied, ApplyError> {
    let mut unpacker = Unpacker::new(target, options.owners)?;
    std::thread::scope(|scope| {
        let tar = stream::decompressed(scope, options.threads.get(), reader)?;
        let (chunks, hash) = stream::read(scope, tar)?;
        let mut writers = Writers::start(scope, options.threads.get(), options.owners)?;
        // Its chunks are dropped at its end or at an error, which ends the threads that make them.
        let read = unpack_all(&mut unpacker, &mut writers, chunks, options);
        // What is wrong with a file comes before what is wrong after it.
        let skipped_attributes = writers.finish()?;
        let (entries, bytes) = read?;
        unpacker.finish()?;
        let diff_id = hash.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if let Some(expected) = options.expected_diff_id.clone().filter(|expected| *expected != diff_id) {
            return Err(ApplyError::OtherDiffId { expected, found: diff_id });
        }
        let skipped_attributes = skipped_attributes + unpacker.skipped_attributes;
        let Unpacker { index, skipped_devices, .. } = unpacker;
        Ok(Applied { diff_id, entries, bytes, skipped_devices, skipped_attributes, writable: index })
    })
}

/// Number of entries and bytes.
fn unpack_all(
    unpacker: &mut Unpacker,
    writers: &mut Writers<'_>,
    chunks: stream::Chunks,
    options: &ApplyOptions,
) -> Result<(u64, u64), ApplyError> {
    let mut tar = TarReader::new(chunks, options.maximum_bytes);
    let mut entries = 0;
    while !writers.have_failed()
        && let Some(entry) = tar.next_entry()?
    {
        entries += 1;
        if entries > options.maximum_entries {
            return Err(ApplyError::TooManyEntries { maximum: options.maximum_entries });
        }
        unpacker.entry(entry, &mut tar, writers)?;
    }
    if writers.have_failed() {
        return Ok((entries, tar.offset()));
    }
    // The digest is about everything, also what stands after the end mark.
    Ok((entries, tar.finish()?))
}
