//! The order of a build: the builder's, or one group of the buildpacks that were asked for.

use std::path::Path;

use baler_cnb::order::{Group, ModuleReference};

use super::builder_image::BuilderImage;
use super::request::BuildpackRequest;
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

/// Works out the order from the `--buildpack` flags, and those that put buildpacks around the builder's groups.
pub(crate) fn choose(request: &BuildpackRequest, builder: &BuilderImage) -> Result<BuildOrder, BuildOrderError> {
    let mut added = Modules::new();
    let mut references = |locators: &[String]| -> Result<Vec<Element>, BuildOrderError> {
        locators.iter().map(|locator| element(locator, builder, &request.working_directory, &mut added)).collect()
    };
    let (only, before, after) = (references(&request.only)?, references(&request.before)?, references(&request.after)?);
    let is_plain = only.is_empty() && before.is_empty() && after.is_empty();
    if only.is_empty() && builder.order.is_empty() {
        return Err(BuildOrderError::Empty);
    }
    if is_plain {
        return Ok(BuildOrder::default());
    }
    let groups = if only.is_empty() {
        let around: Vec<Element> = before.into_iter().chain([Element::Builder]).chain(after).collect();
        expand(&around, builder)
    } else {
        expand(&only, builder)
    };
    let catalogue = Both { builder, added: &added };
    let order = order::resolve(&groups, &catalogue).map_err(BuildOrderError::Order)?;
    Ok(BuildOrder { order: Some(order), added })
}

/// One flag: a buildpack, or the whole order of the builder.
#[derive(Clone)]
enum Element {
    Module(ModuleReference),
    Builder,
}

/// One group, or as many as the builder has where its order stands among the elements.
fn expand(elements: &[Element], builder: &BuilderImage) -> Vec<Group> {
    let mut groups = vec![Group::default()];
    for element in elements {
        match element {
            Element::Module(module) => groups.iter_mut().for_each(|group| group.group.push(module.clone())),
            Element::Builder => {
                let with = |group: &Group, inner: &Group| Group {
                    group: group.group.iter().chain(&inner.group).cloned().collect(),
                };
                groups =
                    groups.iter().flat_map(|group| builder.order.iter().map(move |inner| with(group, inner))).collect();
            }
        }
    }
    groups
}

fn element(
    locator: &str,
    builder: &BuilderImage,
    base: &Path,
    added: &mut Modules,
) -> Result<Element, BuildOrderError> {
    match locator {
        "from=builder" => Ok(Element::Builder),
        _ => Ok(Element::Module(reference(locator, builder, base, added)?)),
    }
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
    let prefixes = ["urn:cnb:builder:", "from=builder:"];
    let plain = prefixes.iter().find_map(|prefix| locator.strip_prefix(prefix)).unwrap_or(locator);
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
