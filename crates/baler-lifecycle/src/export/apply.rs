//! Carries a plan out: the blobs that the sink lacks, then config and manifest, then the names.

use std::io;

use baler_image::{
    Descriptor, Digest, Document, Identity, ImageConfig, ImageName, Manifest, Parts, Place, Platform, Progress,
    ResolvedImage, Sink, SinkError, Source, TransferError, transfer,
};

use super::pack::Packed;
use super::plan::PlannedLayer;
use super::{ExportError, ExportPlaces, LayerOutcome};
use crate::cache::Cache;
use crate::error_text::chain;
use crate::log::Log;
use crate::progress::{Activity, Observer, Running, Task};

/// A planned layer with its bytes; none if they are those of the previous image.
pub(crate) type LayerBytes<'a> = (&'a PlannedLayer, Option<&'a mut Packed>);

/// Stores the layer's blob, unless the sink has it. The cache, if the layer is for it too, gets it at the same time.
pub(crate) fn store_layer(
    places: &ExportPlaces<'_>,
    (planned, packed): LayerBytes<'_>,
    in_cache: bool,
    observer: &dyn Observer,
) -> Result<(), ExportError> {
    let descriptor = &planned.layer.descriptor;
    let failed = |source| ExportError::StoreLayer { what: planned.what.clone(), source };
    let is_reused = planned.outcome == LayerOutcome::Reused;
    let mut has_bytes = false;
    if let Some(Packed { digest, size, pending: Some(pending), .. }) = packed {
        has_bytes = true;
        pending.commit_image((digest, *size), !is_reused, in_cache).map_err(failed)?;
    }
    if is_reused {
        copy_blob(places.sink, places.previous, descriptor, observer)
    } else if has_bytes {
        Ok(())
    } else {
        copy_blob(places.sink, places.cache.and_then(Cache::source), descriptor, observer)
    }
}

/// Copies the blobs of the run image that the sink lacks.
pub(crate) fn store_base(
    places: &ExportPlaces<'_>,
    run_image: &ResolvedImage,
    observer: &dyn Observer,
) -> Result<(), ExportError> {
    for layer in run_image.layers() {
        // Layers that may not be distributed stay where they are.
        if !is_foreign(&layer.descriptor) {
            let copied = copy_blob(places.sink, Some(places.run_image), &layer.descriptor, observer);
            copied.map_err(|error| match error {
                ExportError::ReadBlob { digest, source } => {
                    ExportError::ReadRunImage { name: run_image.name().clone(), digest, source }
                }
                other => other,
            })?;
        }
    }
    Ok(())
}

/// Whether a layer may not be distributed.
pub(crate) fn is_foreign(layer: &Descriptor) -> bool {
    baler_image::media_type::is_foreign_layer(&layer.media_type)
}

/// Copies a blob that the sink lacks.
pub(crate) fn copy_blob(
    sink: &dyn Sink,
    source: Option<&dyn Source>,
    descriptor: &Descriptor,
    observer: &dyn Observer,
) -> Result<(), ExportError> {
    let digest = || descriptor.digest.clone();
    let Some(source) = source else {
        if sink.has_blob(&descriptor.digest).map_err(ExportError::StoreImage)? {
            return Ok(());
        }
        let source = io::Error::new(io::ErrorKind::NotFound, "no place is known that has it");
        return Err(ExportError::CopyBlob { digest: digest(), source });
    };
    let activity = match sink.place() {
        Place::Registry(_) => Activity::Push,
        Place::Store | Place::Layout(_) | Place::Archive { .. } | Place::Daemon { .. } => Activity::Copy,
    };
    let mut running: Option<Running<'_>> = None;
    let mut tell = |progress| match (progress, &running) {
        (Progress::Started, Some(_)) => {}
        (Progress::Started, None) => {
            let task = Task::new(activity, descriptor.digest.short());
            running = Some(Running::begin(observer, task, Some(descriptor.size)));
        }
        (Progress::Advanced(length), running) => running.iter().for_each(|running| running.advance(length)),
    };
    let transferred = transfer(descriptor, source, sink, &mut tell).map(|_| ()).map_err(|error| match error {
        TransferError::Read(source) => ExportError::ReadBlob { digest: digest(), source },
        TransferError::Write(source) => ExportError::StoreImage(source),
        TransferError::Copy(source) => ExportError::CopyBlob { digest: digest(), source },
        other => ExportError::CopyBlob { digest: digest(), source: io::Error::other(other) },
    });
    match running {
        Some(running) => running.end(transferred),
        None => transferred,
    }
}

/// An image whose layers are stored, and which is to get its names.
pub(crate) struct NewImage {
    pub(crate) config: Document<ImageConfig>,
    pub(crate) manifest: Document<Manifest>,
    pub(crate) platform: Platform,
    /// The config of the image that it replaces: the only one that may be there already.
    pub(crate) replaced_config: Option<Digest>,
}

/// Stores config and manifest, and gives the image all its names. The first name is the image's own.
pub(crate) fn store_image(
    sink: &dyn Sink,
    new: NewImage,
    names: &[ImageName],
    log: &dyn Log,
) -> Result<ResolvedImage, ExportError> {
    let first = names.first().ok_or(ExportError::NoName)?;
    log.info(&format!("Saving {first}..."));
    let config = &new.manifest.value.config;
    let may_be_there = new.replaced_config.as_ref() == Some(&config.digest);
    if !(may_be_there && sink.has_blob(&config.digest).map_err(ExportError::StoreImage)?) {
        put_bytes(sink, config, &new.config.raw).map_err(ExportError::StoreImage)?;
    }
    let config_digest = config.digest.clone();
    let media_type = new.manifest.value.media_type.clone().unwrap_or_default();
    let descriptor = Descriptor::of(&media_type, &new.manifest.raw);
    let size = descriptor.size;
    let identity = sink.identity(&descriptor.digest, &config_digest);
    let new_image = (&descriptor, new.manifest.raw.as_slice(), identity.digest());
    put_names(sink, new_image, names, log)?;
    match &identity {
        Identity::Manifest(digest) => {
            log.debug(&format!("*** Digest: {digest}"));
            log.debug(&format!("*** Manifest Size: {size}"));
        }
        Identity::ImageId(id) => log.debug(&format!("*** Image ID: {}", id.hex())),
    }
    let parts = Parts {
        name: first.clone(),
        index_digest: None,
        identity,
        platform: new.platform,
        place: sink.place(),
        manifest: new.manifest,
        config: new.config,
    };
    ResolvedImage::from_parts(parts).map_err(ExportError::Inconsistent)
}

/// Gives the manifest all its names; tells which were refused, and why. The image is known by `digest`.
fn put_names(
    sink: &dyn Sink,
    (descriptor, manifest, digest): (&Descriptor, &[u8], &Digest),
    names: &[ImageName],
    log: &dyn Log,
) -> Result<(), ExportError> {
    let put = |name| (name, sink.put_document(name, descriptor, manifest));
    let results: Vec<_> = names.iter().map(put).collect();
    log.info(&format!("*** Images ({}):", digest.short()));
    let (mut failed, mut first_error) = (Vec::new(), None);
    for (name, result) in results {
        match result {
            Ok(()) => log.info(&format!("      {name}")),
            Err(error) => {
                let cause = chain(&error);
                log.info(&format!("      {name} - {cause}"));
                failed.push((name.clone(), cause));
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        None => Ok(()),
        Some(source) => Err(ExportError::SomeNames { failed, source }),
    }
}

fn put_bytes(sink: &dyn Sink, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
    // Not asked for before: any other config is hardly ever there, and asking costs as much as sending half of it.
    let mut writer = sink.begin_blob()?;
    let written = io::Write::write_all(&mut writer, bytes);
    written.map_err(|source| SinkError::WriteBlob {
        place: sink.place(),
        digest: descriptor.digest.clone(),
        source,
    })?;
    writer.commit(&descriptor.digest, descriptor.size)
}
