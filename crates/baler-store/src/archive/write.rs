//! Archives written: small documents first, so that who reads a stream knows what comes, then blobs as they are.
//!
//! A Docker archive is an OCI layout with `manifest.json` beside, as Docker writes it since version 25: older daemons and
//! Podman read the one, daemons with the containerd image store the other, and the manifest's digest stays what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use baler_image::{
    ArchiveKind, DEFAULT_REGISTRY, Descriptor, Digest, ImageName, Index, Manifest, Reference, Source, SourceError,
    Target, media_type,
};
use baler_layer::tar::{Attributes, Owner, TarError, TarWriter};

use super::docker::{Item, MANIFEST};
use crate::layout::{CONTAINERD_NAME, INDEX, MARKER, Marker, REFERENCE_NAME, VERSION};

/// An image that is written to an archive.
#[derive(Clone, Debug)]
pub struct ArchivedImage {
    pub descriptor: Descriptor,
    /// Its manifest, as it is.
    pub manifest: Vec<u8>,
    /// The names that it gets in the archive.
    pub names: Vec<ImageName>,
}

/// Why an archive could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteArchiveError {
    #[error("could not read blob {digest}")]
    Read { digest: Digest, source: SourceError },
    #[error("could not write the archive")]
    Write(#[from] TarError),
    #[error("could not write the archive")]
    Flush { source: io::Error },
    #[error("could not make the documents of the archive")]
    Document { source: serde_json::Error },
    #[error("'{name}' is no name that an image can have in a Docker archive")]
    Name { name: ImageName },
}

/// Writes an archive with `images`, whose blobs are in `source`.
pub fn write_archive(
    kind: ArchiveKind,
    images: &[ArchivedImage],
    source: &dyn Source,
    output: &mut dyn Write,
) -> Result<(), WriteArchiveError> {
    let document = |source| WriteArchiveError::Document { source };
    let mut tar = TarWriter::new(output);
    let mut add = |name: &str, bytes: &[u8]| tar.file_of_bytes(Path::new(name), &ATTRIBUTES, bytes);
    let marker = Marker { image_layout_version: VERSION.to_owned() };
    add(MARKER, &serde_json::to_vec(&marker).map_err(document)?)?;
    add(INDEX, &serde_json::to_vec(&index(kind, images)).map_err(document)?)?;
    let manifests: Vec<Manifest> = images
        .iter()
        .map(|image| serde_json::from_slice(&image.manifest))
        .collect::<Result<_, _>>()
        .map_err(document)?;
    if kind == ArchiveKind::Docker {
        let items = images.iter().zip(&manifests).map(|(image, manifest)| item(image, manifest));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        add(MANIFEST, &serde_json::to_vec(&items).map_err(document)?)?;
    }
    let mut written = BTreeSet::new();
    for image in images.iter().filter(|image| written.insert(image.descriptor.digest.clone())) {
        add(&path(&image.descriptor), &image.manifest)?;
    }
    for blob in manifests.iter().flat_map(|manifest| std::iter::once(&manifest.config).chain(&manifest.layers)) {
        if written.insert(blob.digest.clone()) {
            let failed = |source| WriteArchiveError::Read { digest: blob.digest.clone(), source };
            tar.file(Path::new(&path(blob)), &ATTRIBUTES, blob.size, source.blob(blob).map_err(failed)?)?;
        }
    }
    tar.finish()?.flush().map_err(|source| WriteArchiveError::Flush { source })
}

const ATTRIBUTES: Attributes = Attributes::new(0o644, Owner::ROOT);

fn path(blob: &Descriptor) -> String {
    format!("blobs/{}/{}", blob.digest.algorithm().as_str(), blob.digest.hex())
}

/// What `docker load` reads. Docker keeps an image under the names in the archive; one without a tag has none.
fn item(image: &ArchivedImage, manifest: &Manifest) -> Result<Item, WriteArchiveError> {
    let names = image.names.iter().map(tagged).collect::<Result<Vec<_>, _>>()?;
    Ok(Item {
        config: path(&manifest.config),
        repo_tags: Some(names.into_iter().flatten().map(|reference| reference.familiar()).collect()),
        layers: Some(manifest.layers.iter().map(path).collect()),
    })
}

fn index(kind: ArchiveKind, images: &[ArchivedImage]) -> Index {
    let mut manifests = Vec::new();
    for image in images {
        let named = image.names.iter().map(|name| annotations(kind, name)).filter(|names| !names.is_empty());
        let mut named: Vec<_> = named.collect();
        if named.is_empty() {
            named.push(BTreeMap::new());
        }
        manifests.extend(named.into_iter().map(|annotations| Descriptor { annotations, ..image.descriptor.clone() }));
    }
    let (annotations, extra) = (BTreeMap::new(), BTreeMap::new());
    Index { schema_version: 2, media_type: Some(media_type::OCI_INDEX.to_owned()), manifests, annotations, extra }
}

/// The name in an OCI layout, and the one that containerd gives the image when it reads the layout.
fn annotations(kind: ArchiveKind, name: &ImageName) -> BTreeMap<String, String> {
    let text = match name.target() {
        Target::Layout { name, .. } | Target::Archive { name, .. } => name.clone(),
        Target::Reference(_) | Target::Daemon { .. } => None,
    };
    let mut annotations = BTreeMap::new();
    if let Ok(Some(reference)) = tagged(name) {
        annotations.insert(CONTAINERD_NAME.to_owned(), containerd_name(&reference));
        annotations.insert(REFERENCE_NAME.to_owned(), reference.tag().unwrap_or_default().to_owned());
    }
    if let (Some(text), ArchiveKind::Oci) = (text, kind) {
        annotations.insert(REFERENCE_NAME.to_owned(), text);
    }
    annotations
}

/// containerd knows Docker Hub by its other name.
fn containerd_name(reference: &Reference) -> String {
    let name = reference.to_string();
    name.strip_prefix(DEFAULT_REGISTRY).map_or(name.clone(), |rest| format!("docker.io{rest}"))
}

/// The reference that a name stands for, where it has a tag and no digest.
fn tagged(name: &ImageName) -> Result<Option<Reference>, WriteArchiveError> {
    let parse = |text: &String| text.parse().map_err(|_| WriteArchiveError::Name { name: name.clone() });
    let reference = match name.target() {
        Target::Reference(reference) => Some(reference.clone()),
        Target::Archive { name, .. } | Target::Layout { name, .. } => name.as_ref().map(parse).transpose()?,
        Target::Daemon { image, .. } => match image {
            baler_image::DaemonImage::Reference(reference) => Some(reference.clone()),
            baler_image::DaemonImage::Id(_) => None,
        },
    };
    Ok(reference.filter(|reference| reference.tag().is_some() && reference.digest().is_none()))
}
