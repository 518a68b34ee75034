//! The layer that a stack may need on top: directories whose mode and owner upper layers cover.
//!
//! It is a layer like others, made in memory and unpacked once; see [`baler_layer::ownership::covered_directories`].

use std::io::{Cursor, Read};

use baler_image::{Descriptor, Digest, Found, ImageName, Layer, Place, Source, SourceError, media_type};
use baler_layer::ownership::{CoveredDirectory, StackedLayer, covered_directories};
use baler_layer::tar::{Attributes, Owner, TarError, TarWriter};

use super::UnpackedLayers;

/// A layer in memory.
pub(super) struct AttributesLayer {
    pub(super) layer: Layer,
    bytes: Vec<u8>,
}

impl AttributesLayer {
    /// The layer that belongs on top of `unpacked`, if it needs one.
    pub(super) fn of(unpacked: &UnpackedLayers) -> Option<Self> {
        let layers = unpacked.lower.iter().zip(&unpacked.owners).rev();
        let layers: Vec<_> = layers.map(|(root, index)| StackedLayer { index, root }).collect();
        let covered = covered_directories(&layers);
        if covered.is_empty() {
            return None;
        }
        // Names come from layers that were read as tar, so they can be written as such.
        let bytes = write(&covered).ok()?;
        let layer = Layer { descriptor: Descriptor::of(media_type::OCI_LAYER, &bytes), diff_id: Digest::of(&bytes) };
        Some(Self { layer, bytes })
    }
}

fn write(directories: &[CoveredDirectory]) -> Result<Vec<u8>, TarError> {
    let mut tar = TarWriter::new(Vec::new());
    for directory in directories {
        // An id that no process can have belongs to nobody.
        let id = |id: u64| u32::try_from(id).unwrap_or(65_534);
        let attributes = Attributes::new(directory.mode, Owner::new(id(directory.uid), id(directory.gid)));
        let is_root = directory.path.as_os_str().is_empty();
        tar.directory(if is_root { ".".as_ref() } else { &directory.path }, &attributes)?;
    }
    tar.finish()
}

impl Source for AttributesLayer {
    fn place(&self) -> Place {
        Place::Store
    }

    fn find(&self, _: &ImageName) -> Result<Option<Found>, SourceError> {
        Ok(None)
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        Err(SourceError::AbsentBlob { place: Place::Store, digest: descriptor.digest.clone() })
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        if descriptor.digest != self.layer.descriptor.digest {
            return Err(SourceError::AbsentBlob { place: Place::Store, digest: descriptor.digest.clone() });
        }
        Ok(Box::new(Cursor::new(self.bytes.clone())))
    }
}
