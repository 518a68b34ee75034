//! The order of a build: the builder's, or one group of the buildpacks that were asked for; and the extensions.

use std::path::Path;

use baler_cnb::order::{Group, ModuleReference};
use baler_image::Platform;

use super::builder_image::BuilderImage;
use super::request::{BuildpackRequest, RequestedModule};
use crate::builder::order::{self, Catalogue, OrderError};
use crate::context::Context;
use crate::modules::{
    FetchError, Fetcher, InvalidLocator, Locator, Module, ModuleKind, Modules, Origin, Surroundings, redacted,
};

/// Which modules are tried, and which of them do not come from the builder.
#[derive(Clone, Debug, Default)]
pub(crate) struct BuildOrder {
    /// `None`: what the builder has in `/cnb/order.toml`.
    pub(crate) order: Option<Vec<Group>>,
    /// `None`: likewise.
    pub(crate) order_extensions: Option<Vec<Group>>,
    /// Mounted into the builder.
    pub(crate) added: Modules,
    pub(crate) added_extensions: Modules,
    /// Nothing is put around the groups.
    pub(crate) without_system: bool,
}

impl BuildOrder {
    /// Everything that is mounted into the builder.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.added.values().chain(self.added_extensions.values())
    }
}

/// Why the modules that were asked for cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildOrderError {
    #[error("{source}")]
    NotFound {
        source: InvalidLocator,
        /// The ids of the builder's buildpacks.
        has: Vec<String>,
    },
    #[error("failed to add {kind} '{locator}'")]
    Module { kind: ModuleKind, locator: String, source: Box<FetchError> },
    #[error("extension '{locator}' is not from elsewhere; those of the builder are in its own order")]
    ExtensionOfBuilder { locator: String },
    #[error("buildpacks from builder can only be defined once")]
    BuilderTwice,
    #[error("processing {kind}s order")]
    Order { kind: ModuleKind, source: OrderError },
    #[error("the builder has no order, and no buildpacks were asked for")]
    Empty,
}

/// Works out the order from the `--buildpack` flags, and those that put buildpacks around the builder's groups; and from
/// `--extension`. What does not come from the builder is fetched for `platform`.
pub(crate) fn choose(
    context: &Context<'_>,
    request: &BuildpackRequest,
    builder: &BuilderImage,
    platform: &Platform,
) -> Result<BuildOrder, BuildOrderError> {
    let mut choice =
        Choice { fetcher: Fetcher::new(context, platform), request, builder, found: BuildOrder::default() };
    let only = choice.buildpacks(&request.only)?;
    let (before, after) = (choice.buildpacks(&request.before)?, choice.buildpacks(&request.after)?);
    let extensions = choice.extensions()?;
    let mut found = choice.found;
    found.without_system = request.without_system;
    if only.is_empty() && builder.order.is_empty() {
        return Err(BuildOrderError::Empty);
    }
    let resolve = |kind, groups: &[Group], added: &Modules| {
        let resolved = order::resolve(groups, &Both { builder, added }, kind);
        resolved.map_err(|source| BuildOrderError::Order { kind, source })
    };
    if !(only.is_empty() && before.is_empty() && after.is_empty()) {
        let groups = if only.is_empty() {
            let around: Vec<Element> = before.into_iter().chain([Element::Builder]).chain(after).collect();
            expand(&around, builder)
        } else {
            expand(&only, builder)
        };
        found.order = Some(resolve(ModuleKind::Buildpack, &groups, &found.added)?);
    }
    if !extensions.is_empty() {
        found.order_extensions = Some(vec![Group { group: extensions }]);
    }
    // Both orders are in one file: what stays as the builder has it is written too.
    match (&found.order, &found.order_extensions) {
        (Some(_), None) => found.order_extensions = Some(builder.order_extensions.clone()),
        (None, Some(_)) => found.order = Some(resolve(ModuleKind::Buildpack, &builder.order, &found.added)?),
        (Some(_), Some(_)) | (None, None) => {}
    }
    Ok(found)
}

/// One flag: a buildpack, or the whole order of the builder.
#[derive(Clone)]
enum Element {
    Module(ModuleReference),
    Builder,
}

/// The flags in work.
struct Choice<'a> {
    fetcher: Fetcher<'a>,
    request: &'a BuildpackRequest,
    builder: &'a BuilderImage,
    found: BuildOrder,
}

impl Choice<'_> {
    fn buildpacks(&mut self, wishes: &[RequestedModule]) -> Result<Vec<Element>, BuildOrderError> {
        let mut elements = Vec::new();
        for wish in wishes {
            let element = self.buildpack(wish)?;
            if matches!(element, Element::Builder) && elements.iter().any(|other| matches!(other, Element::Builder)) {
                return Err(BuildOrderError::BuilderTwice);
            }
            elements.push(element);
        }
        Ok(elements)
    }

    fn buildpack(&mut self, wish: &RequestedModule) -> Result<Element, BuildOrderError> {
        let kind = ModuleKind::Buildpack;
        let (text, base) = match wish {
            RequestedModule::Locator { text, base } => (text, base),
            RequestedModule::Inline(inline) => {
                let failed =
                    |source| BuildOrderError::Module { kind, locator: inline.id.clone(), source: Box::new(source) };
                let module = self.fetcher.inline(inline).map_err(failed)?;
                let (id, version) = module.key();
                self.found.added.insert(module.key(), module);
                return Ok(Element::Module(ModuleReference { id, version, ..ModuleReference::default() }));
            }
        };
        match self.parse(text, base)? {
            Locator::Builder => Ok(Element::Builder),
            Locator::Id { id, version } => {
                Ok(Element::Module(ModuleReference { id, version, ..ModuleReference::default() }))
            }
            Locator::From(origin) => {
                let (reference, modules) = self.fetch(kind, text, &origin)?;
                self.found.added.extend(modules);
                Ok(Element::Module(reference))
            }
        }
    }

    fn extensions(&mut self) -> Result<Vec<ModuleReference>, BuildOrderError> {
        let mut references = Vec::new();
        for wish in &self.request.extensions {
            let RequestedModule::Locator { text, base } = wish else { continue };
            let Locator::From(origin) = self.parse(text, base)? else {
                return Err(BuildOrderError::ExtensionOfBuilder { locator: text.clone() });
            };
            let (reference, modules) = self.fetch(ModuleKind::Extension, text, &origin)?;
            self.found.added_extensions.extend(modules);
            references.push(reference);
        }
        Ok(references)
    }

    fn parse(&self, text: &str, base: &Path) -> Result<Locator, BuildOrderError> {
        let has = |id: &str, version: &str| {
            let versions = self.builder.versions(id);
            !versions.is_empty() && (version.is_empty() || versions.iter().any(|has| has == version))
        };
        Locator::parse(text, &Surroundings { base, has: &has }).map_err(|source| {
            let has = self.builder.buildpacks.keys().cloned().collect();
            BuildOrderError::NotFound { source, has }
        })
    }

    fn fetch(
        &self,
        kind: ModuleKind,
        text: &str,
        origin: &Origin,
    ) -> Result<(ModuleReference, Modules), BuildOrderError> {
        let fetched = self.fetcher.fetch(kind, origin).map_err(|source| BuildOrderError::Module {
            kind,
            locator: redacted(text),
            source: Box::new(source),
        })?;
        let (id, version) = fetched.main.key();
        let modules = fetched.into_modules().map(|module| (module.key(), module)).collect();
        Ok((ModuleReference { id, version, ..ModuleReference::default() }, modules))
    }
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
