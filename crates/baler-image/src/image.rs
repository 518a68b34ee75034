//! A resolved image: the value that every later phase works with, so that no name is read twice.

use std::path::PathBuf;

use crate::config::ImageConfig;
use crate::digest::Digest;
use crate::manifest::{Descriptor, Manifest};
use crate::media_type::Family;
use crate::name::{ArchiveKind, Engine, ImageName};
use crate::platform::Platform;

/// A document with the very bytes it was read from; they are what its digest covers.
#[derive(Clone, Debug)]
pub struct Document<T> {
    pub raw: Vec<u8>,
    pub value: T,
}

/// Where an image was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Baler's own store.
    Store,
    /// An OCI layout directory.
    Layout(PathBuf),
    /// A registry: its host, with the port if it has one of its own.
    Registry(String),
    /// An archive: one file.
    Archive { kind: ArchiveKind, path: PathBuf },
    /// A daemon, at an address such as `unix:///var/run/docker.sock`.
    Daemon { engine: Engine, address: String },
}

/// What an image is known by where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The digest of its manifest.
    Manifest(Digest),
    /// The digest of its config. The place keeps no manifest (a Docker archive, a classic Docker daemon, Podman); the
    /// image's manifest was made up from what is there, and its digest means nothing elsewhere.
    ImageId(Digest),
}

impl Identity {
    /// The digest, whatever it is of.
    pub fn digest(&self) -> &Digest {
        match self {
            Self::Manifest(digest) | Self::ImageId(digest) => digest,
        }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.digest().fmt(formatter)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store => formatter.write_str("the local store"),
            Self::Layout(path) => write!(formatter, "the OCI layout {}", path.display()),
            Self::Registry(host) => write!(formatter, "the registry {host}"),
            Self::Archive { kind, path } => write!(formatter, "the {kind} {}", path.display()),
            Self::Daemon { engine, address } => write!(formatter, "{engine} at {address}"),
        }
    }
}

/// One layer: where its compressed bytes are, and what they unpack to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub descriptor: Descriptor,
    /// The digest of the uncompressed tar.
    pub diff_id: Digest,
}

/// An image that was found: one manifest for one platform. It cannot be an index, and it cannot be absent.
///
/// Only [`crate::resolve`] makes one, and [`ResolvedImage::from_parts`] for an image just written.
#[derive(Clone, Debug)]
pub struct ResolvedImage {
    name: ImageName,
    index_digest: Option<Digest>,
    identity: Identity,
    digest: Digest,
    platform: Platform,
    place: Place,
    manifest: Document<Manifest>,
    config: Document<ImageConfig>,
    layers: Vec<Layer>,
}

/// The parts of a [`ResolvedImage`] before they are checked against each other.
pub struct Parts {
    pub name: ImageName,
    pub index_digest: Option<Digest>,
    pub identity: Identity,
    pub platform: Platform,
    pub place: Place,
    pub manifest: Document<Manifest>,
    pub config: Document<ImageConfig>,
}

/// Manifest and config that do not belong together.
#[derive(Debug, thiserror::Error)]
#[error("manifest {digest} lists {layers} layers, but its config has {diff_ids} diffIDs")]
pub struct LayerCountMismatch {
    pub digest: Digest,
    pub layers: usize,
    pub diff_ids: usize,
}

impl ResolvedImage {
    /// Puts an image together; fails where manifest and config disagree on the number of layers.
    pub fn from_parts(parts: Parts) -> Result<Self, LayerCountMismatch> {
        let Parts { name, index_digest, identity, platform, place, manifest, config } = parts;
        let digest = match &identity {
            Identity::Manifest(digest) => digest.clone(),
            Identity::ImageId(_) => Digest::of(&manifest.raw),
        };
        let (descriptors, diff_ids) = (&manifest.value.layers, &config.value.rootfs.diff_ids);
        if descriptors.len() != diff_ids.len() {
            return Err(LayerCountMismatch { digest, layers: descriptors.len(), diff_ids: diff_ids.len() });
        }
        let layer = |(descriptor, diff_id): (&Descriptor, &Digest)| Layer {
            descriptor: descriptor.clone(),
            diff_id: diff_id.clone(),
        };
        let layers = descriptors.iter().zip(diff_ids).map(layer).collect();
        Ok(Self { name, index_digest, identity, digest, platform, place, manifest, config, layers })
    }

    /// The name as it was given.
    pub fn name(&self) -> &ImageName {
        &self.name
    }

    /// The same image under the name that it was first asked for by, where it was found again by its digest.
    #[must_use]
    pub fn named(self, name: ImageName) -> Self {
        Self { name, ..self }
    }

    /// The digest of the index that the image was chosen from, if there was one.
    pub fn index_digest(&self) -> Option<&Digest> {
        self.index_digest.as_ref()
    }

    /// What the image is known by.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The manifest's digest. Where the identity is an image id, it is that of a manifest made up here.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The platform that the image is for.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Where it was found.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The manifest and its bytes.
    pub fn manifest(&self) -> &Document<Manifest> {
        &self.manifest
    }

    /// Points at the manifest.
    pub fn descriptor(&self) -> Descriptor {
        let media_type = self.manifest.value.media_type.as_deref().unwrap_or(self.family().manifest());
        let platform = Some(self.platform.clone());
        let size = self.manifest.raw.len() as u64;
        Descriptor { platform, ..Descriptor::new(media_type, size, self.digest.clone()) }
    }

    /// The config.
    pub fn config(&self) -> &ImageConfig {
        &self.config.value
    }

    /// The config's bytes.
    pub fn raw_config(&self) -> &[u8] {
        &self.config.raw
    }

    /// The layers, bottom first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Whether manifest and config are of OCI or of Docker type.
    pub fn family(&self) -> Family {
        Family::of_manifest(self.manifest.value.media_type.as_deref())
    }

    /// The sum of the compressed layers, in bytes.
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.descriptor.size).sum()
    }
}
