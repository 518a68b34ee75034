//! Puts a builder together (platform-behaviour 4.5, 4.12): layers in pack's order, with pack's labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use baler_cnb::buildpack::ModuleInfo;
use baler_cnb::labels::{
    BUILDER_METADATA, BUILDPACK_LAYERS, BUILDPACK_ORDER, BUILDPACK_SYSTEM, EXTENSION_LAYERS, EXTENSION_ORDER,
    ModuleLayers, encode, encode_order,
};
use baler_cnb::order::{Group, System, SystemModules};
use baler_image::{Digest, ImageName, Platform, ResolvedImage, Sink, Target, Wanted};

use super::check::check;
use super::config::{BuilderConfig, ConfigError, ModuleSource};
use super::draft::Draft;
use super::error::{CreateError, ModuleSourceError};
use super::flatten::Flattened;
use super::lifecycle::Lifecycle;
use super::{config, labels, order};
use crate::context::Context;
use crate::destination::{Delivery, Destination, IfRefused, Writing};
use crate::modules::{Fetcher, ModuleKind, Modules, Origin};
use crate::output::Level;
use crate::places::{Asked, Likely, Located, Needed, Search, locate};
use crate::targets;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreateRequest {
    /// What the builder is saved as, then further names in the same place.
    pub names: Vec<ImageName>,
    /// The names are in a registry, and nothing goes to the store.
    pub is_published: bool,
    /// The builder.toml.
    pub config: PathBuf,
    /// Instead of the targets of the builder.toml.
    pub targets: Vec<Platform>,
    /// In registries, the images of an index get names of their own, too.
    pub names_parts: bool,
    /// Buildpacks that share a layer.
    pub flattened: Vec<Flattened>,
    /// Further labels.
    pub labels: BTreeMap<String, String>,
}

/// A builder that was made.
#[derive(Debug)]
pub struct CreatedBuilder {
    /// That of the index, where it is for several platforms.
    pub digest: Digest,
    /// Buildpacks by id and version.
    pub buildpacks: Vec<(String, String)>,
}

/// The modules of one kind: by id and version, and what they are in the order of the file.
struct Listed {
    modules: Modules,
    infos: Vec<ModuleInfo>,
}

/// What the builder for one platform is put together from.
struct Parts {
    /// The build image.
    located: Located,
    user: (u32, u32),
    lifecycle: Lifecycle,
    buildpacks: Listed,
    extensions: Listed,
    groups: Vec<Group>,
    extension_groups: Vec<Group>,
}

/// Makes the builder: an image, or several and an index of them.
pub fn create(context: &Context<'_>, request: &CreateRequest) -> Result<CreatedBuilder, CreateError> {
    let config = config::read(&request.config)?;
    for warning in &config.warnings {
        context.output.line(Level::Warning, &format!("builder configuration: {warning}"));
    }
    // Before anything else is done: one may not be allowed to write there.
    let destination = Destination::open(context, &request.names, Delivery::published(request.is_published))?;
    let targets = targets::choose(&request.targets, &config.targets, destination.room())?;
    let find = |wanted: &Wanted| {
        let found = Parts::find(context, request, &config, wanted);
        found.map_err(|source| if targets.len() > 1 { CreateError::of(wanted, source) } else { source })
    };
    let parts = targets.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let known: Vec<&Located> = parts.iter().map(|parts| &parts.located).collect();
    // Images without their index cannot be sent later.
    let if_refused = if parts.len() > 1 { IfRefused::Forget } else { IfRefused::Keep };
    let writing = Writing { known: &known, likely: Likely::There, if_refused };
    let digest = destination.write(&writing, |sink| {
        destination.put_all(sink, (&parts, request.names_parts), |own| {
            if parts.len() > 1 {
                let platform = own.located.image.platform();
                context.output.line(Level::Info, &format!("Putting the builder for {platform} together"));
            }
            own.write(context, request, &config, (sink, destination.name()))
        })
    })?;
    let buildpacks: BTreeSet<_> = parts.into_iter().flat_map(|parts| parts.buildpacks.modules.into_keys()).collect();
    Ok(CreatedBuilder { digest, buildpacks: buildpacks.into_iter().collect() })
}

impl Parts {
    fn find(
        context: &Context<'_>,
        request: &CreateRequest,
        config: &BuilderConfig,
        wanted: &Wanted,
    ) -> Result<Self, CreateError> {
        let base = request.config.parent().map_or_else(PathBuf::new, Path::to_owned);
        let located = find_build_image(context, config, wanted, &base)?;
        let image = &located.image;
        let user = (labels::id(image, "CNB_USER_ID")?, labels::id(image, "CNB_GROUP_ID")?);
        let lifecycle = Lifecycle::find(context, &config.lifecycle, &base, image.platform());
        let lifecycle = lifecycle.map_err(CreateError::FetchLifecycle)?;
        let fetcher = Fetcher::new(context, image.platform());
        let get = |kind, sources| fetch(context, &fetcher, kind, sources, &base);
        let buildpacks = get(ModuleKind::Buildpack, &config.buildpacks).map_err(CreateError::AddBuildpacks)?;
        let extensions = get(ModuleKind::Extension, &config.extensions).map_err(CreateError::AddExtensions)?;
        let groups = order::resolve(&config.order, &buildpacks.modules, ModuleKind::Buildpack);
        let groups = groups.map_err(CreateError::Order)?;
        let extension_groups = order::resolve(&config.order_extensions, &extensions.modules, ModuleKind::Extension);
        let extension_groups = required(extension_groups.map_err(CreateError::ExtensionOrder)?);
        check(image, &lifecycle.description, &buildpacks.modules, &extensions.modules)?;
        Ok(Self { located, user, lifecycle, buildpacks, extensions, groups, extension_groups })
    }

    /// Writes the blobs of the builder; it has no name yet.
    fn write(
        &self,
        context: &Context<'_>,
        request: &CreateRequest,
        config: &BuilderConfig,
        (sink, name): (&dyn Sink, &ImageName),
    ) -> Result<ResolvedImage, CreateError> {
        let image = &self.located.image;
        baler_store::copy_layers(image, self.located.source(context.store), sink, &|_| {})?;
        let mut draft = Draft::new(context, image, sink);
        draft.directories(self.user)?;
        self.lifecycle.add(context, &mut draft, self.user)?;
        let buildpack_layers = draft.modules(&self.buildpacks.modules, &request.flattened)?;
        let extension_layers = draft.modules(&self.extensions.modules, &[])?;
        draft.files(config, &self.groups, &self.extension_groups)?;

        let lifecycle = self.lifecycle.description.clone();
        let metadata = labels::builder(config, &self.buildpacks.infos, &self.extensions.infos, lifecycle);
        let mut texts = request.labels.clone();
        texts.insert(BUILDER_METADATA.to_owned(), encode(&metadata)?);
        texts.extend(label_texts(config, &buildpack_layers, &extension_layers)?);
        draft.finish(name, texts)
    }
}

/// Extensions are never required, and so never optional.
fn required(mut groups: Vec<Group>) -> Vec<Group> {
    groups.iter_mut().flat_map(|group| &mut group.group).for_each(|module| module.optional = false);
    groups
}

fn fetch(
    context: &Context<'_>,
    fetcher: &Fetcher<'_>,
    kind: ModuleKind,
    sources: &[ModuleSource],
    base: &Path,
) -> Result<Listed, ModuleSourceError> {
    let mut listed = Listed { modules: Modules::new(), infos: Vec::new() };
    for source in sources {
        let uri = source.locator();
        if source.uri.is_empty() {
            let text = "The 'image' key is deprecated. Use 'uri=\"docker://...\"' instead.";
            context.output.line(Level::Warning, &format!("builder configuration: {text}"));
        }
        let origin = Origin::parse(&uri, base)?;
        let failed = |error| ModuleSourceError::Fetch { uri: origin.to_string(), source: Box::new(error) };
        let found = fetcher.fetch(kind, &origin).map_err(failed)?;
        let info = &found.main.description.info;
        for (what, has, expected) in [("ID", &info.id, &source.id), ("version", &info.version, &source.version)] {
            if !expected.is_empty() && has != expected {
                let (uri, has, expected) = (origin.to_string(), has.clone(), expected.clone());
                return Err(ModuleSourceError::Mismatch { kind, uri, what, has, expected });
            }
        }
        for module in found.into_modules() {
            listed.infos.push(module.description.info.clone());
            listed.modules.insert(module.key(), module);
        }
    }
    Ok(listed)
}

fn find_build_image(
    context: &Context<'_>,
    config: &BuilderConfig,
    wanted: &Wanted,
    base: &Path,
) -> Result<Located, CreateError> {
    let invalid = |source| CreateError::BuildImageName { path: config.path.clone(), source };
    let name: ImageName = config.build_image.parse().map_err(invalid)?;
    // A relative layout path is relative to the file that names it.
    let name = match name.target() {
        Target::Layout { path, name: inner } if path.is_relative() => {
            let suffix = inner.as_deref().map(|inner| format!(":{inner}")).unwrap_or_default();
            format!("oci:{}{suffix}", base.join(path).display()).parse().map_err(invalid)?
        }
        Target::Archive { kind, path, name: inner } if path.is_relative() => {
            ImageName::from(Target::Archive { kind: *kind, path: base.join(path), name: inner.clone() })
        }
        Target::Reference(_) | Target::Layout { .. } | Target::Archive { .. } | Target::Daemon { .. } => name,
    };
    let (search, needed) = (Search::By(context.pull_policy), Needed::Documents);
    let asked = Asked { role: "build image", name: &name, wanted, search, needed };
    locate(context, &asked).map_err(|source| CreateError::FetchBuildImage { name: name.clone(), source })
}

fn label_texts(
    config: &BuilderConfig,
    buildpacks: &ModuleLayers,
    extensions: &ModuleLayers,
) -> Result<BTreeMap<String, String>, CreateError> {
    let mut texts = vec![
        (BUILDPACK_LAYERS, encode(buildpacks)?),
        (EXTENSION_LAYERS, encode(extensions)?),
        (BUILDPACK_ORDER, encode_order(&config.order)?),
        (EXTENSION_ORDER, encode_order(&config.order_extensions)?),
    ];
    let system = System {
        pre: SystemModules { buildpacks: config.system_pre.clone() },
        post: SystemModules { buildpacks: config.system_post.clone() },
    };
    if !system.is_empty() {
        texts.push((BUILDPACK_SYSTEM, encode(&system)?));
    }
    Ok(texts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect())
}

impl CreateError {
    fn of(wanted: &Wanted, source: Self) -> Self {
        Self::Target { platform: wanted.platform().clone(), source: Box::new(source) }
    }
}

impl From<ConfigError> for CreateError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
