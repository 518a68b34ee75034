//! Images for several platforms under one name: each of them first, then an index of them (OCI image index).

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use baler_image::{Descriptor, Digest, ImageName, Index, Reference, ResolvedImage, Sink, SinkError, media_type};

use super::{Destination, DestinationError, Place};
use crate::targets::Room;

impl Destination<'_> {
    /// How many platforms of an image the place takes.
    pub(crate) fn room(&self) -> Room {
        match self.place {
            Place::Registries(_) | Place::Layout(_) => Room::Several,
            Place::Store | Place::Archive(_) | Place::Daemon(_) => Room::One,
        }
    }

    /// Has `write` write an image for each of `parts`, and gives it the names: of several, an index of them. The digest is
    /// that of what got the names; `names_parts` gives the images of an index names of their own, too.
    pub(crate) fn put_all<T, E: From<DestinationError>>(
        &self,
        sink: &dyn Sink,
        (parts, names_parts): (&[T], bool),
        write: impl Fn(&T) -> Result<ResolvedImage, E>,
    ) -> Result<Digest, E> {
        if let [part] = parts {
            let image = write(part)?;
            self.put_names(sink, &image)?;
            return Ok(image.digest().clone());
        }
        let mut images = Vec::new();
        for part in parts {
            let image = write(part)?;
            self.put_part(sink, &image, names_parts)?;
            images.push(image);
        }
        Ok(self.put_index(sink, &images)?)
    }

    /// Puts an image there that an index is to name, by its digest, and in registries under names of its own as well, if
    /// that is wanted: so each tag means the whole at any time.
    fn put_part(&self, sink: &dyn Sink, image: &ResolvedImage, is_named: bool) -> Result<(), DestinationError> {
        let Place::Registries(_) = &self.place else {
            let failed = |source| DestinationError::Name { name: self.name().clone(), source };
            return put_as_blob(sink, image).map_err(failed);
        };
        let mut repositories = Vec::new();
        for reference in self.names.iter().filter_map(ImageName::reference) {
            if !repositories.contains(&reference.full_repository()) {
                repositories.push(reference.full_repository());
                put(sink, &reference.at(image.digest().clone()).into(), image)?;
            }
            if is_named {
                put(sink, &name_of_part(reference, image)?, image)?;
            }
        }
        Ok(())
    }

    /// Gives an index of images that are there its names.
    fn put_index(&self, sink: &dyn Sink, images: &[ResolvedImage]) -> Result<Digest, DestinationError> {
        let index = Index {
            schema_version: 2,
            media_type: Some(media_type::OCI_INDEX.to_owned()),
            manifests: images.iter().map(ResolvedImage::descriptor).collect(),
            annotations: BTreeMap::new(),
            extra: BTreeMap::new(),
        };
        let failed = |name: &ImageName, source| DestinationError::Name { name: name.clone(), source };
        let bytes = serde_json::to_vec(&index).map_err(|error| {
            let source = SinkError::Failed { place: sink.place(), source: error.into() };
            failed(self.name(), source)
        })?;
        let descriptor = Descriptor::of(media_type::OCI_INDEX, &bytes);
        for name in &self.names {
            sink.put_document(name, &descriptor, &bytes).map_err(|source| failed(name, source))?;
        }
        Ok(descriptor.digest)
    }
}

fn put(sink: &dyn Sink, name: &ImageName, image: &ResolvedImage) -> Result<(), DestinationError> {
    sink.put_image(name, image).map_err(|source| DestinationError::Name { name: name.clone(), source })
}

/// A layout names what its index.json has; manifests that an index names are blobs like others.
fn put_as_blob(sink: &dyn Sink, image: &ResolvedImage) -> Result<(), SinkError> {
    let bytes = &image.manifest().raw;
    let failed = |source: io::Error| SinkError::Failed { place: sink.place(), source: source.into() };
    let mut blob = sink.begin_blob()?;
    blob.write_all(bytes).map_err(failed)?;
    blob.commit(image.digest(), bytes.len() as u64)
}

/// `repository:tag-os-architecture`, as pack has it; `latest` is left out.
fn name_of_part(reference: &Reference, image: &ResolvedImage) -> Result<ImageName, DestinationError> {
    let platform = image.platform();
    let tag = reference.tag().filter(|tag| *tag != "latest");
    let parts = [tag, Some(&platform.os), Some(&platform.architecture), platform.variant.as_deref()];
    let tag = parts.into_iter().flatten().collect::<Vec<_>>().join("-");
    let text = format!("{}:{tag}", reference.full_repository());
    text.parse().map_err(|source| DestinationError::PartName { name: text.clone(), source })
}
