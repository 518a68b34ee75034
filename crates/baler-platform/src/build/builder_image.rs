//! A builder image: what its labels and environment say.

use baler_cnb::labels::{
    BUILDER_METADATA, BUILDPACK_LAYERS, BUILDPACK_ORDER, BuilderLabel, EXTENSION_LAYERS, EXTENSION_ORDER, ModuleLayers,
    RunImageLabel,
};
use baler_cnb::order::Group;
use baler_cnb::run::RunImage;
use baler_image::{ImageName, ResolvedImage};
use serde::de::DeserializeOwned;

use crate::builder::labels::{IdError, id};
use crate::builder::order::{self, Catalogue, OrderError};
use crate::modules::ModuleKind;

/// What a build must know of its builder.
#[derive(Clone, Debug)]
pub struct BuilderImage {
    /// The build user's ids inside.
    pub user: (u32, u32),
    pub metadata: BuilderLabel,
    pub order: Vec<Group>,
    /// The order of its extensions, with versions.
    pub order_extensions: Vec<Group>,
    pub buildpacks: ModuleLayers,
}

/// Why an image is no builder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuilderImageError {
    #[error("builder '{name}' missing label '{label}' -- try recreating builder")]
    NoLabel { name: ImageName, label: &'static str },
    #[error("builder '{name}' has label '{label}' which could not be read")]
    BadLabel { name: ImageName, label: &'static str, source: serde_json::Error },
    #[error("builder '{name}' has an order of extensions that cannot be used")]
    ExtensionOrder { name: ImageName, source: OrderError },
    #[error("{0}")]
    Id(#[from] IdError),
}

impl BuilderImage {
    /// Reads labels and environment.
    pub fn read(image: &ResolvedImage) -> Result<Self, BuilderImageError> {
        let missing = |label| BuilderImageError::NoLabel { name: image.name().clone(), label };
        let metadata = label(image, BUILDER_METADATA)?.ok_or_else(|| missing(BUILDER_METADATA))?;
        let extensions: ModuleLayers = label(image, EXTENSION_LAYERS)?.flatten().unwrap_or_default();
        let order_extensions: Vec<Group> = label(image, EXTENSION_ORDER)?.flatten().unwrap_or_default();
        // In the label an element may do without a version.
        let order_extensions = order::resolve(&order_extensions, &extensions, ModuleKind::Extension)
            .map_err(|source| BuilderImageError::ExtensionOrder { name: image.name().clone(), source })?;
        Ok(Self {
            user: (id(image, "CNB_USER_ID")?, id(image, "CNB_GROUP_ID")?),
            metadata,
            order: label(image, BUILDPACK_ORDER)?.flatten().unwrap_or_default(),
            order_extensions,
            buildpacks: label(image, BUILDPACK_LAYERS)?.flatten().unwrap_or_default(),
        })
    }

    /// The run image that the builder offers, with its mirrors.
    pub fn run_image(&self) -> Option<RunImage> {
        self.run_images().next()
    }

    /// All that it offers.
    pub fn run_images(&self) -> impl Iterator<Item = RunImage> {
        let stack = std::iter::once(&self.metadata.stack.run_image).filter(|_| self.metadata.images.is_empty());
        let is_known = |image: &&RunImageLabel| !image.image.is_empty();
        let offered = |image: &RunImageLabel| RunImage { image: image.image.clone(), mirrors: image.mirrors.clone() };
        self.metadata.images.iter().chain(stack).filter(is_known).map(offered)
    }
}

impl Catalogue for BuilderImage {
    fn versions(&self, id: &str) -> Vec<String> {
        self.buildpacks.versions(id)
    }

    fn order(&self, id: &str, version: &str) -> &[Group] {
        Catalogue::order(&self.buildpacks, id, version)
    }
}

impl Catalogue for ModuleLayers {
    fn versions(&self, id: &str) -> Vec<String> {
        self.get(id).map(|versions| versions.keys().cloned().collect()).unwrap_or_default()
    }

    fn order(&self, id: &str, version: &str) -> &[Group] {
        let module = self.get(id).and_then(|versions| versions.get(version));
        module.map_or(&[], |module| module.order.as_slice())
    }
}

fn label<T: DeserializeOwned>(image: &ResolvedImage, label: &'static str) -> Result<Option<T>, BuilderImageError> {
    let bad = |source| BuilderImageError::BadLabel { name: image.name().clone(), label, source };
    image.config().label(label).map(serde_json::from_str).transpose().map_err(bad)
}
