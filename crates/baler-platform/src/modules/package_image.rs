//! A package as an image (platform-behaviour 3.7): a layer for each module, and labels that say which is where.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};

use baler_cnb::buildpack::Stack;
use baler_cnb::labels::{ModuleLabel, ModuleLayers, encode};
use baler_image::{
    Descriptor, Digest, Document, History, ImageConfig, ImageName, InvalidReference, Layer, LayerCountMismatch,
    Manifest, Parts, Platform, ResolvedImage, RootFs, RuntimeConfig, Sink, SinkError, media_type,
};
use serde::Serialize;

use super::{Description, ModuleKind};

/// The label that says which module a package is of.
pub(super) const PACKAGE_METADATA: &str = "io.buildpacks.buildpackage.metadata";
/// The creation time of packages and of each step of their history.
const CREATED: &str = "1980-01-01T00:00:01Z";

/// A package in work. The blobs of its layers are where it is written to.
pub(crate) struct PackageImage<'a> {
    pub(crate) kind: ModuleKind,
    pub(crate) main: &'a Description,
    /// All modules, with the layer of each. Flattened ones share one.
    pub(crate) modules: &'a [(&'a Description, Layer)],
    pub(crate) platform: &'a Platform,
}

/// Why a package could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageImageError {
    #[error("{0}")]
    Sink(#[from] SinkError),
    #[error("could not write {digest}")]
    Write { digest: Digest, source: io::Error },
    #[error("could not make the text of a package")]
    Text(#[from] serde_json::Error),
    #[error("{0}")]
    Inconsistent(#[from] LayerCountMismatch),
    #[error("{0}")]
    Name(#[from] InvalidReference),
}

/// The label `io.buildpacks.buildpackage.metadata`.
#[derive(Serialize)]
struct Metadata {
    #[serde(flatten)]
    module: ModuleLabel,
    stacks: Option<Vec<Stack>>,
}

/// The name under which the store finds a package that has none.
pub(super) fn name_of(digest: &Digest) -> Result<ImageName, InvalidReference> {
    format!("package@{digest}").parse()
}

impl PackageImage<'_> {
    /// Writes config and manifest to `sink` as blobs alone: the package is found by its digest.
    pub(super) fn write_unnamed(&self, sink: &dyn Sink) -> Result<ResolvedImage, PackageImageError> {
        let (image, descriptor) = self.made(sink, None, &BTreeMap::new())?;
        put_blob(sink, &descriptor, &image.manifest().raw)?;
        Ok(image)
    }

    /// Writes the config to `sink`, for an image that is to get `name` there.
    pub(crate) fn draft(
        &self,
        sink: &dyn Sink,
        name: &ImageName,
        labels: &BTreeMap<String, String>,
    ) -> Result<ResolvedImage, PackageImageError> {
        self.made(sink, Some(name), labels).map(|(image, _)| image)
    }

    fn made(
        &self,
        sink: &dyn Sink,
        name: Option<&ImageName>,
        labels: &BTreeMap<String, String>,
    ) -> Result<(ResolvedImage, Descriptor), PackageImageError> {
        let config = self.config(labels)?;
        let raw_config = serde_json::to_vec(&config)?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media_type::OCI_MANIFEST.to_owned()),
            config: Descriptor::of(media_type::OCI_CONFIG, &raw_config),
            layers: self.layers().map(|layer| layer.descriptor.clone()).collect(),
            annotations: BTreeMap::new(),
            extra: BTreeMap::new(),
        };
        put_blob(sink, &manifest.config, &raw_config)?;
        let raw = serde_json::to_vec(&manifest)?;
        let descriptor = Descriptor::of(media_type::OCI_MANIFEST, &raw);
        let image = ResolvedImage::from_parts(Parts {
            name: name.map_or_else(|| name_of(&descriptor.digest), |name| Ok(name.clone()))?,
            index_digest: None,
            identity: sink.identity(&descriptor.digest, &manifest.config.digest),
            platform: self.platform.clone(),
            place: sink.place(),
            manifest: Document { raw, value: manifest },
            config: Document { raw: raw_config, value: config },
        })?;
        Ok((image, descriptor))
    }

    /// Each layer once.
    fn layers(&self) -> impl Iterator<Item = &Layer> {
        let mut seen = BTreeSet::new();
        self.modules.iter().map(|(_, layer)| layer).filter(move |layer| seen.insert(layer.diff_id.clone()))
    }

    fn config(&self, more: &BTreeMap<String, String>) -> Result<ImageConfig, PackageImageError> {
        let diff_ids: Vec<Digest> = self.layers().map(|layer| layer.diff_id.clone()).collect();
        let step = History { created: Some(CREATED.to_owned()), ..History::default() };
        let mut layers = ModuleLayers::new();
        for (module, layer) in self.modules {
            let (id, version) = module.key();
            layers.entry(id).or_default().insert(version, module.to_label(&layer.diff_id.to_string()));
        }
        let stacks = Some(self.stacks()).filter(|stacks| !stacks.is_empty());
        let metadata = Metadata { module: ModuleLabel::from(self.main.info.clone()), stacks };
        let mut labels = more.clone();
        labels.insert(PACKAGE_METADATA.to_owned(), encode(&metadata)?);
        labels.insert(self.kind.layers_label().to_owned(), encode(&layers)?);
        Ok(ImageConfig {
            architecture: self.platform.architecture.clone(),
            variant: self.platform.variant.clone(),
            os: self.platform.os.clone(),
            created: Some(CREATED.to_owned()),
            history: vec![step; diff_ids.len()],
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids },
            config: RuntimeConfig { labels, ..RuntimeConfig::default() },
            ..ImageConfig::default()
        })
    }

    /// The stacks that all modules have in common; those without any are left out.
    fn stacks(&self) -> Vec<Stack> {
        let dependencies =
            self.modules.iter().map(|(module, _)| *module).filter(|module| module.key() != self.main.key());
        let all = std::iter::once(self.main).chain(dependencies);
        all.map(|module| &module.stacks).filter(|stacks| !stacks.is_empty()).fold(Vec::new(), |common, stacks| {
            if common.is_empty() { stacks.clone() } else { in_common(&common, stacks) }
        })
    }
}

/// Stacks by id, with the mixins of both; `*` stands for all of the other side.
fn in_common(one: &[Stack], other: &[Stack]) -> Vec<Stack> {
    let is_any = |stacks: &[Stack]| stacks.iter().any(|stack| stack.id == "*");
    match (is_any(one), is_any(other)) {
        (true, _) => return other.to_vec(),
        (_, true) => return one.to_vec(),
        (false, false) => {}
    }
    let both = one.iter().filter_map(|stack| {
        let same = other.iter().find(|same| same.id == stack.id)?;
        let mixins: BTreeSet<_> = stack.mixins.iter().chain(&same.mixins).cloned().collect();
        Some(Stack { id: stack.id.clone(), mixins: mixins.into_iter().collect() })
    });
    both.collect()
}

/// Writes a small document as a blob.
pub(crate) fn put_blob(sink: &dyn Sink, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), PackageImageError> {
    let mut blob = sink.begin_blob()?;
    let digest = descriptor.digest.clone();
    blob.write_all(bytes).map_err(|source| PackageImageError::Write { digest, source })?;
    Ok(blob.commit(&descriptor.digest, descriptor.size)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(id: &str, mixins: &[&str]) -> Stack {
        Stack { id: id.to_owned(), mixins: mixins.iter().map(|mixin| (*mixin).to_owned()).collect() }
    }

    #[test]
    fn stacks_that_all_have() {
        let (a, b) = ([stack("a", &["x"]), stack("b", &[])], [stack("a", &["y"])]);
        assert_eq!(in_common(&a, &b), [stack("a", &["x", "y"])]);
        assert_eq!(in_common(&a, &[stack("*", &[])]), a);
        assert_eq!(in_common(&a, &[stack("c", &[])]), []);
    }
}
