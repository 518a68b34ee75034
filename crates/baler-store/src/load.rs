//! All images of an OCI layout or of an archive into the store.

use baler_image::{
    Descriptor, Digest, ImageName, Index, InvalidReference, Manifest, Reference, Sink, SinkError, SourceError,
    media_type,
};

use crate::archive::Archive;
use crate::copy::{CopyError, CopyEvent, Copying, copy_blobs};
use crate::layout::{Layout, LayoutError, names_of};
use crate::store::Store;

/// Indexes inside indexes are followed this far.
const MAXIMUM_DEPTH: usize = 4;

/// An image that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedImage {
    pub reference: Reference,
    pub digest: Digest,
}

/// Why a layout or an archive could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    #[error("could not read the images of the layout")]
    Layout { source: LayoutError },
    #[error("no image in it has a name; give one")]
    NoName,
    #[error("it holds several images: {}; a name can be given to one only", names.join(", "))]
    Several { names: Vec<String> },
    #[error("it holds no image")]
    Empty,
    #[error("'{name}' in it is no image reference")]
    BadName { name: String, source: InvalidReference },
    #[error("could not read image '{name}'")]
    Read { name: Reference, source: SourceError },
    #[error("image '{name}': document {digest} is neither a manifest nor an index")]
    Malformed { name: Reference, digest: Digest, source: serde_json::Error },
    #[error("image '{name}': index {digest} nests more than {MAXIMUM_DEPTH} levels")]
    TooDeep { name: Reference, digest: Digest },
    #[error("could not load image '{name}'")]
    Copy { name: Reference, source: CopyError },
    #[error("could not write image '{name}'")]
    Write { name: Reference, source: SinkError },
}

/// Loads the images of `layout` into `store`, each under its name in the layout, or the only one under `name`. An index
/// comes with all its images that the layout has; images of the layout without a name are left out.
pub fn load_layout(
    store: &Store,
    layout: &Layout,
    name: Option<&Reference>,
    progress: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Result<Vec<LoadedImage>, LoadError> {
    let entries = layout.entries().map_err(|source| LoadError::Layout { source })?;
    load(&entries, name, store, &Copying { source: layout, sink: store, progress })
}

/// Loads the images of `archive` in the same way.
pub fn load_archive(
    store: &Store,
    archive: &Archive,
    name: Option<&Reference>,
    progress: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Result<Vec<LoadedImage>, LoadError> {
    load(&archive.entries(), name, store, &Copying { source: archive, sink: store, progress })
}

fn load(
    entries: &[Descriptor],
    name: Option<&Reference>,
    store: &Store,
    copying: &Copying<'_>,
) -> Result<Vec<LoadedImage>, LoadError> {
    let named = plan(entries, name)?;
    let mut loaded = Vec::new();
    for (reference, entry) in named {
        Loading { name: &reference, copying, store }.load(entry)?;
        loaded.push(LoadedImage { reference, digest: entry.digest.clone() });
    }
    Ok(loaded)
}

/// Which images are loaded, and under which names.
fn plan<'a>(
    entries: &'a [Descriptor],
    name: Option<&Reference>,
) -> Result<Vec<(Reference, &'a Descriptor)>, LoadError> {
    if entries.is_empty() {
        return Err(LoadError::Empty);
    }
    if let Some(name) = name {
        // One that has several names is there several times.
        if entries.iter().any(|entry| entry.digest != entries[0].digest) {
            let names = entries.iter().map(|entry| full_name(entry).unwrap_or(entry.digest.short()).to_owned());
            return Err(LoadError::Several { names: names.collect() });
        }
        return Ok(vec![(name.clone(), &entries[0])]);
    }
    let mut named = Vec::new();
    for (name, entry) in entries.iter().filter_map(|entry| Some((full_name(entry)?, entry))) {
        let reference = name.parse().map_err(|source| LoadError::BadName { name: name.to_owned(), source })?;
        named.push((reference, entry));
    }
    if named.is_empty() { Err(LoadError::NoName) } else { Ok(named) }
}

/// The fullest of an image's names.
fn full_name(entry: &Descriptor) -> Option<&str> {
    names_of(entry).last()
}

struct Loading<'a> {
    name: &'a Reference,
    copying: &'a Copying<'a>,
    store: &'a Store,
}

impl Loading<'_> {
    fn load(&self, entry: &Descriptor) -> Result<(), LoadError> {
        let bytes = self.read(entry)?;
        self.load_content(entry, &bytes, 1)?;
        let name = ImageName::from(self.name.clone());
        self.store
            .put_document(&name, entry, &bytes)
            .map_err(|source| LoadError::Write { name: self.name.clone(), source })
    }

    fn read(&self, entry: &Descriptor) -> Result<Vec<u8>, LoadError> {
        let bytes = self.copying.source.document(entry);
        bytes.map_err(|source| LoadError::Read { name: self.name.clone(), source })
    }

    /// Copies what the document refers to.
    fn load_content(&self, entry: &Descriptor, bytes: &[u8], depth: usize) -> Result<(), LoadError> {
        let (name, digest) = (|| self.name.clone(), || entry.digest.clone());
        if media_type::is_index(&entry.media_type) || serde_json::from_slice::<Index>(bytes).is_ok() {
            if depth > MAXIMUM_DEPTH {
                return Err(LoadError::TooDeep { name: name(), digest: digest() });
            }
            let index: Index = serde_json::from_slice(bytes).map_err(|source| LoadError::Malformed {
                name: name(),
                digest: digest(),
                source,
            })?;
            return index.manifests.iter().try_for_each(|child| self.load_child(child, depth + 1));
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|source| LoadError::Malformed {
            name: name(),
            digest: digest(),
            source,
        })?;
        let mut blobs = vec![&manifest.config];
        blobs.extend(&manifest.layers);
        copy_blobs(&blobs, self.copying).map_err(|source| LoadError::Copy { name: name(), source })
    }

    fn load_child(&self, child: &Descriptor, depth: usize) -> Result<(), LoadError> {
        let bytes = match self.copying.source.document(child) {
            Ok(bytes) => bytes,
            // A layout may have an index for the sake of one platform.
            Err(SourceError::AbsentBlob { .. }) => return Ok(()),
            Err(source) => return Err(LoadError::Read { name: self.name.clone(), source }),
        };
        self.load_content(child, &bytes, depth)?;
        self.store
            .put_bytes(&child.digest, &bytes)
            .map_err(|source| LoadError::Write { name: self.name.clone(), source })
    }
}
