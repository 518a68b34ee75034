//! The order of a build: the builder's, or one group of the buildpacks that were asked for.

use std::path::Path;

use baler_cnb::order::{Group, ModuleReference};

use super::builder_image::BuilderImage;
use crate::builder::modules::{Module, ModuleError, Modules};
use crate::builder::order::{self, Catalogue, OrderError};

/// Which buildpacks are tried, and which of them come from the host.
#[derive(Clone, Debug, Default)]
pub(crate) struct BuildOrder {
    /// `None`: what the builder has in `/cnb/order.toml`.
    pub(crate) order: Option<Vec<Group>>,
    /// Mounted into the builder.
    pub(crate) added: Modules,
}

/// Why the buildpacks that were asked for cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildOrderError {
    #[error("invalid locator: '{locator}' is neither a directory nor a buildpack of the builder")]
    NotFound { locator: String, has: Vec<String> },
    #[error("failed to add buildpack '{locator}'")]
    Module { locator: String, source: ModuleError },
    #[error("processing buildpacks order")]
    Order(#[source] OrderError),
    #[error("the builder has no order, and no buildpacks were asked for")]
    Empty,
}

/// Works out the order from the `--buildpack` flags.
pub(crate) fn choose(locators: &[String], builder: &BuilderImage, base: &Path) -> Result<BuildOrder, BuildOrderError> {
    if locators.is_empty() {
        if builder.order.is_empty() {
            return Err(BuildOrderError::Empty);
        }
        return Ok(BuildOrder::default());
    }
    let mut added = Modules::new();
    let mut group = Vec::new();
    for locator in locators {
        group.push(reference(locator, builder, base, &mut added)?);
    }
    let catalogue = Both { builder, added: &added };
    let order = order::resolve(&[Group { group }], &catalogue).map_err(BuildOrderError::Order)?;
    Ok(BuildOrder { order: Some(order), added })
}

/// A path that exists is a directory; anything else is the id of a buildpack in the builder.
fn reference(
    locator: &str,
    builder: &BuilderImage,
    base: &Path,
    added: &mut Modules,
) -> Result<ModuleReference, BuildOrderError> {
    let is_path = locator.starts_with("file://") || base.join(locator).is_dir();
    if is_path {
        let failed = |source| BuildOrderError::Module { locator: locator.to_owned(), source };
        let module = Module::locate(locator, base).map_err(failed)?;
        let (id, version) = module.key();
        added.insert(module.key(), module);
        return Ok(ModuleReference { id, version, ..Default::default() });
    }
    let plain = locator.strip_prefix("urn:cnb:builder:").unwrap_or(locator);
    let (id, version) = plain.split_once('@').unwrap_or((plain, ""));
    if builder.versions(id).is_empty() {
        let has = builder.buildpacks.keys().cloned().collect();
        return Err(BuildOrderError::NotFound { locator: locator.to_owned(), has });
    }
    Ok(ModuleReference { id: id.to_owned(), version: version.to_owned(), ..Default::default() })
}

/// The builder's buildpacks and the added ones; of equal ones the added one counts.
struct Both<'a> {
    builder: &'a BuilderImage,
    added: &'a Modules,
}

impl Catalogue for Both<'_> {
    fn versions(&self, id: &str) -> Vec<String> {
        let mut versions = self.builder.versions(id);
        versions.extend(self.added.versions(id));
        versions.sort();
        versions.dedup();
        versions
    }

    fn order(&self, id: &str, version: &str) -> &[Group] {
        let is_added = self.added.contains_key(&(id.to_owned(), version.to_owned()));
        if is_added { self.added.order(id, version) } else { self.builder.order(id, version) }
    }
}
