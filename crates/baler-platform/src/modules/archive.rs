//! A file that holds a module: an archive of its directory, or a package.

use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

use baler_image::{Descriptor, Layer, Platform, ResolvedImage, Sink as _, media_type};
use baler_layer::archive::{Content, clean_name, decompress};
use baler_layer::module::{ArchiveError, ModuleLayer, write_archived};
use baler_layer::sink::{SinkError, compress};
use baler_layer::tar::{ReadError, TarError, TarReader};

use super::package_image::{PackageImage, PackageImageError};
use super::{Description, DescriptionError, ModuleKind, path_in_image};
use crate::context::Context;

/// The most that an archive may unpack to.
pub(crate) const MAXIMUM_SIZE: u64 = 1 << 38;
/// The longest descriptor.
const MAXIMUM_DESCRIPTOR: u64 = 1 << 20;

/// Why a file cannot be used as a module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleArchiveError {
    #[error("could not read {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} is no archive: tar, plain or compressed with gzip or zstd", path.display())]
    NotAnArchive { path: PathBuf, source: ReadError },
    #[error("{} has neither {} nor an OCI layout at its root", path.display(), kind.descriptor())]
    NoModule { path: PathBuf, kind: ModuleKind },
    #[error("{}: {} is not text of at most 1 MiB", path.display(), kind.descriptor())]
    BadDescriptor { path: PathBuf, kind: ModuleKind },
    #[error("{0}")]
    Description(#[from] DescriptionError),
    #[error("could not use {}", path.display())]
    Archive { path: PathBuf, source: ArchiveError },
    #[error("could not make a layer of {}", path.display())]
    Layer { path: PathBuf, source: TarError },
    #[error("{0}")]
    Image(#[from] PackageImageError),
}

/// What a file holds.
pub(super) enum Holds {
    Module(Box<Description>),
    Layout,
}

pub(super) fn open(path: &Path) -> Result<TarReader<Box<dyn BufRead + Send>>, ModuleArchiveError> {
    let failed = |source| ModuleArchiveError::Open { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    Ok(TarReader::new(decompress(file).map_err(failed)?, MAXIMUM_SIZE))
}

/// Looks through the file.
pub(super) fn survey(kind: ModuleKind, path: &Path) -> Result<Holds, ModuleArchiveError> {
    let mut tar = open(path)?;
    let unreadable = |source| ModuleArchiveError::NotAnArchive { path: path.to_owned(), source };
    while let Some(entry) = tar.next_entry().map_err(unreadable)? {
        let name = clean_name(&entry.path).unwrap_or_default();
        if name == Path::new("oci-layout") {
            return Ok(Holds::Layout);
        }
        if name == Path::new(kind.descriptor()) {
            let mut text = String::new();
            let read = Content(&mut tar).take(MAXIMUM_DESCRIPTOR + 1).read_to_string(&mut text);
            if read.is_err() || text.len() as u64 > MAXIMUM_DESCRIPTOR {
                return Err(ModuleArchiveError::BadDescriptor { path: path.to_owned(), kind });
            }
            let description = Description::parse(kind, path.join(kind.descriptor()), &text)?;
            return Ok(Holds::Module(Box::new(description)));
        }
    }
    Err(ModuleArchiveError::NoModule { path: path.to_owned(), kind })
}

/// Takes the module in the archive `path` into the store, as a package.
pub(super) fn import(
    context: &Context<'_>,
    kind: ModuleKind,
    description: &Description,
    path: &Path,
) -> Result<ResolvedImage, ModuleArchiveError> {
    let mut tar = open(path)?;
    let place = path_in_image(kind, description);
    let failed = |source| ModuleArchiveError::Archive { path: path.to_owned(), source };
    let layer = layer(context, failed, |output| write_archived(&mut tar, &place, output))?;
    package(context, kind, description, layer)
}

/// Takes the module in the directory `path` into the store, as a package.
pub(super) fn import_directory(
    context: &Context<'_>,
    kind: ModuleKind,
    description: &Description,
    path: &Path,
    descriptor: Option<&Path>,
) -> Result<ResolvedImage, ModuleArchiveError> {
    let path_in_image = path_in_image(kind, description);
    let module = ModuleLayer { root: path.to_owned(), path_in_image, descriptor: descriptor.map(Path::to_owned) };
    let failed = |source| ModuleArchiveError::Layer { path: path.to_owned(), source };
    let layer = layer(context, failed, |output| module.write(output))?;
    package(context, kind, description, layer)
}

fn layer<E: From<SinkError>>(
    context: &Context<'_>,
    failed: impl FnOnce(E) -> ModuleArchiveError,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<Layer, ModuleArchiveError> {
    let mut blob = context.store.begin_blob().map_err(PackageImageError::from)?;
    let made = compress(context.threads, &mut blob, write).map_err(failed)?;
    blob.commit(&made.digest, made.size).map_err(PackageImageError::from)?;
    let descriptor = Descriptor::new(media_type::OCI_LAYER_GZIP, made.size, made.digest);
    Ok(Layer { descriptor, diff_id: made.diff_id })
}

fn package(
    context: &Context<'_>,
    kind: ModuleKind,
    description: &Description,
    layer: Layer,
) -> Result<ResolvedImage, ModuleArchiveError> {
    let image = PackageImage { kind, main: description, modules: &[(description, layer)], platform: &Platform::host() };
    Ok(image.write_unnamed(context.store)?)
}
