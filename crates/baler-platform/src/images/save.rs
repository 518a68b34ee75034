//! An image as an archive that `docker load`, `podman load` and other tools read.

use std::io::Write;

use baler_image::{ArchiveKind, ResolvedImage, Source};
use baler_store::{ArchivedImage, WriteArchiveError, write_archive};

/// Why an image could not be saved.
pub type SaveError = WriteArchiveError;

/// Writes `image`, whose blobs are in `source`, under the name that it was found by.
pub fn save(
    image: &ResolvedImage,
    kind: ArchiveKind,
    source: &dyn Source,
    output: &mut dyn Write,
) -> Result<(), SaveError> {
    let manifest = image.manifest().raw.clone();
    let archived = ArchivedImage { descriptor: image.descriptor(), manifest, names: vec![image.name().clone()] };
    write_archive(kind, &[archived], source, output)
}
