//! A cache that is an image: its layers are the cached layers, a label says which is which (lifecycle, "Caches").

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use baler_cnb::labels::{CACHE_METADATA, CacheMetadata, Sha, encode};
use baler_image::media_type::Family;
use baler_image::{
    Descriptor, Digest, ImageConfig, ImageName, Layer, Manifest, Platform, ResolveError, ResolvedImage, RootFs, Sink,
    SinkError, Source, Wanted, resolve,
};

use super::renewing_sink::RenewingSink;
use super::{Cache, CacheError, CacheUpdate, DamagedCache, diff_ids};

/// Where a cache image is: reading and writing happen under one name.
pub struct ImageCachePlace {
    pub name: ImageName,
    pub source: Box<dyn Source>,
    pub sink: Box<dyn Sink>,
    /// As RFC 3339 has it.
    pub created: String,
}

/// A cache that is an image.
pub struct ImageCache {
    name: ImageName,
    source: Box<dyn Source>,
    sink: RenewingSink,
    created: String,
    image: Option<ResolvedImage>,
    metadata: CacheMetadata,
    damage: Option<DamagedCache>,
    /// Layers that turned out to be others.
    distrusted: Mutex<BTreeSet<Digest>>,
}

/// What a layer without entries consists of.
const EMPTY_TAR: [u8; 1024] = [0; 1024];
const FAMILY: Family = Family::Oci;

impl ImageCache {
    /// Opens the cache. An image that is absent, or no cache, is an empty cache; a place that could not answer is an
    /// error.
    pub fn open(place: ImageCachePlace) -> Result<Self, ResolveError> {
        let (image, mut damage) =
            match resolve(&place.name, &Wanted::Preferably(Platform::host()), place.source.as_ref()) {
                Ok(image) => (Some(image), None),
                Err(ResolveError::NotFound { .. }) => (None, None),
                Err(source) if source.is_of_image() => {
                    (None, Some(DamagedCache::Image { name: place.name.clone(), source }))
                }
                Err(error) => return Err(error),
            };
        let label = image.as_ref().map(|image| image.config().label(CACHE_METADATA).unwrap_or_default());
        let metadata = label.and_then(|text| {
            let metadata = serde_json::from_str(text);
            let invalid = |source| damage = Some(DamagedCache::Label { name: place.name.clone(), source });
            metadata.map_err(invalid).ok()
        });
        let image = image.filter(|_| metadata.is_some());
        let ImageCachePlace { name, source, sink, created } = place;
        let (metadata, sink) = (metadata.unwrap_or_default(), RenewingSink::new(sink));
        Ok(Self { name, source, sink, created, image, metadata, damage, distrusted: Mutex::default() })
    }

    /// The image, if there is one that is a cache.
    pub fn image(&self) -> Option<&ResolvedImage> {
        self.image.as_ref()
    }

    /// Why it cannot be used, if there is one.
    pub fn damage(&self) -> Option<&DamagedCache> {
        self.damage.as_ref()
    }

    fn distrusted(&self) -> MutexGuard<'_, BTreeSet<Digest>> {
        self.distrusted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The layer, unless it is known to be another one.
    fn layer(&self, diff_id: &Digest) -> Option<&Layer> {
        let layer = self.image.as_ref()?.layers().iter().find(|layer| layer.diff_id == *diff_id)?;
        (!self.distrusted().contains(diff_id)).then_some(layer)
    }

    fn put(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, SinkError> {
        let descriptor = Descriptor::of(media_type, bytes);
        if self.sink.has_blob(&descriptor.digest)? {
            return Ok(descriptor);
        }
        let mut writer = self.sink.begin_blob()?;
        let (place, digest) = (self.sink.place(), descriptor.digest.clone());
        writer.write_all(bytes).map_err(|source| SinkError::WriteBlob { place, digest, source })?;
        writer.commit(&descriptor.digest, descriptor.size)?;
        Ok(descriptor)
    }

    fn empty_layer(&self) -> Result<Layer, CacheError> {
        let mut bytes = Vec::new();
        let produce = |output: &mut dyn Write| output.write_all(&EMPTY_TAR);
        baler_layer::sink::compress(std::num::NonZeroUsize::MIN, &mut bytes, produce)
            .map_err(|source| CacheError::Tar { source })?;
        let descriptor = self.put(FAMILY.layer_gzip(), &bytes).map_err(CacheError::Store)?;
        Ok(Layer { descriptor, diff_id: Digest::of(&EMPTY_TAR) })
    }

    /// The layers of the new image: as the old one has them, else as they were just written.
    fn layers(&self, update: &CacheUpdate) -> Result<Vec<Layer>, CacheError> {
        let mut layers = Vec::new();
        for diff_id in diff_ids(&update.metadata) {
            let written = || {
                let blob = update.blobs.get(&diff_id)?;
                let (digest, size) = self.sink.written(&blob.digest, blob.size);
                let descriptor = Descriptor::new(FAMILY.layer_gzip(), size, digest);
                Some(Layer { descriptor, diff_id: diff_id.clone() })
            };
            let layer = self.layer(&diff_id).cloned().or_else(written);
            layers.push(layer.ok_or_else(|| CacheError::NoBlob { diff_id: diff_id.clone() })?);
        }
        if layers.is_empty() {
            layers.push(self.empty_layer()?);
        }
        Ok(layers)
    }
}

impl Cache for ImageCache {
    fn exists(&self) -> bool {
        self.image.is_some()
    }

    fn metadata(&self) -> &CacheMetadata {
        &self.metadata
    }

    fn read(&self, diff_id: &Digest) -> Result<Box<dyn Read + Send>, CacheError> {
        let layer = self.layer(diff_id).ok_or_else(|| CacheError::NoBlob { diff_id: diff_id.clone() })?;
        let failed = |source| CacheError::Blob { diff_id: diff_id.clone(), source };
        self.source.blob(&layer.descriptor).map_err(failed)
    }

    fn holds(&self, diff_id: &str) -> bool {
        diff_id.parse().is_ok_and(|diff_id| self.layer(&diff_id).is_some())
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self.source.as_ref())
    }

    fn sink(&self) -> Option<&dyn Sink> {
        Some(&self.sink)
    }

    fn distrust(&self, diff_id: &Digest) {
        if let Some(layer) = self.layer(diff_id) {
            self.sink.distrust(&layer.descriptor.digest);
            self.distrusted().insert(diff_id.clone());
        }
    }

    fn distrusted(&self) -> Vec<Digest> {
        self.distrusted().iter().cloned().collect()
    }

    fn commit(&self, mut update: CacheUpdate) -> Result<(), CacheError> {
        match self.write(&update) {
            // Layers of the old image are not asked for one by one, unless there may be a reason to.
            Err(CacheError::Store(error)) => {
                if !self.forget_lost(&mut update)? {
                    return Err(CacheError::Store(error));
                }
                self.write(&update)
            }
            other => other,
        }
    }
}

impl ImageCache {
    /// Takes layers out that are to be reused, and that the registry has no more. Returns whether there were some.
    fn forget_lost(&self, update: &mut CacheUpdate) -> Result<bool, CacheError> {
        let mut lost = BTreeSet::new();
        for diff_id in diff_ids(&update.metadata) {
            let Some(layer) = self.layer(&diff_id) else { continue };
            if !self.sink.has_blob(&layer.descriptor.digest).map_err(CacheError::Store)? {
                lost.insert(diff_id.to_string());
            }
        }
        for buildpack in &mut update.metadata.buildpacks {
            buildpack.layers.retain(|_, layer| !lost.contains(&layer.sha));
        }
        if lost.contains(&update.metadata.sbom.sha) {
            update.metadata.sbom = Sha::default();
        }
        Ok(!lost.is_empty())
    }

    fn write(&self, update: &CacheUpdate) -> Result<(), CacheError> {
        let layers = self.layers(update)?;
        let mut config = ImageConfig {
            os: "linux".to_owned(),
            created: Some(self.created.clone()),
            rootfs: RootFs {
                kind: "layers".to_owned(),
                diff_ids: layers.iter().map(|layer| layer.diff_id.clone()).collect(),
            },
            ..ImageConfig::default()
        };
        let label = encode(&update.metadata).map_err(CacheError::Encode)?;
        config.config.labels.insert(CACHE_METADATA.to_owned(), label);
        let config = serde_json::to_vec(&config).map_err(CacheError::Encode)?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(FAMILY.manifest().to_owned()),
            config: self.put(FAMILY.config(), &config).map_err(CacheError::Store)?,
            layers: layers.into_iter().map(|layer| layer.descriptor).collect(),
            annotations: std::collections::BTreeMap::new(),
            extra: std::collections::BTreeMap::new(),
        };
        let manifest = serde_json::to_vec(&manifest).map_err(CacheError::Encode)?;
        let descriptor = Descriptor::of(FAMILY.manifest(), &manifest);
        self.sink.put_document(&self.name, &descriptor, &manifest).map_err(CacheError::Store)
    }
}
