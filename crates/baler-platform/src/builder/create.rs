//! Puts a builder together (platform-behaviour 4.5, 4.12): layers in pack's order, with pack's labels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baler_cnb::buildpack::{ModuleInfo, Target as BuildTarget};
use baler_cnb::labels::{
    BUILDER_METADATA, BUILDPACK_LAYERS, BUILDPACK_ORDER, BUILDPACK_SYSTEM, EXTENSION_LAYERS, EXTENSION_ORDER,
    ModuleLayers, encode, encode_order,
};
use baler_cnb::order::{Group, System, SystemModules};
use baler_image::{Digest, ImageName, Platform, Target, Wanted};

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
    pub target: Option<Platform>,
    /// Buildpacks that share a layer.
    pub flattened: Vec<Flattened>,
    /// Further labels.
    pub labels: BTreeMap<String, String>,
}

/// A builder that was made.
#[derive(Debug)]
pub struct CreatedBuilder {
    pub digest: Digest,
    /// Buildpacks by id and version.
    pub buildpacks: Vec<(String, String)>,
}

/// The modules of one kind: by id and version, and what they are in the order of the file.
struct Listed {
    modules: Modules,
    infos: Vec<ModuleInfo>,
}

/// Makes the builder.
pub fn create(context: &Context<'_>, request: &CreateRequest) -> Result<CreatedBuilder, CreateError> {
    let config = config::read(&request.config)?;
    for warning in &config.warnings {
        context.output.line(Level::Warning, &format!("builder configuration: {warning}"));
    }
    let base = request.config.parent().map_or_else(PathBuf::new, Path::to_owned);
    // Before anything else is done: one may not be allowed to write there.
    let destination = Destination::open(context, &request.names, Delivery::published(request.is_published))?;
    let located = find_build_image(context, &config, request.target.as_ref(), &base)?;
    let image = &located.image;
    let user = (labels::id(image, "CNB_USER_ID")?, labels::id(image, "CNB_GROUP_ID")?);
    let lifecycle =
        Lifecycle::find(context, &config.lifecycle, &base, image.platform()).map_err(CreateError::FetchLifecycle)?;

    let fetcher = Fetcher::new(context, image.platform());
    let get = |kind, sources| fetch(context, &fetcher, kind, sources, &base);
    let buildpacks = get(ModuleKind::Buildpack, &config.buildpacks).map_err(CreateError::AddBuildpacks)?;
    let extensions = get(ModuleKind::Extension, &config.extensions).map_err(CreateError::AddExtensions)?;
    let groups = order::resolve(&config.order, &buildpacks.modules, ModuleKind::Buildpack);
    let groups = groups.map_err(CreateError::Order)?;
    let extension_groups = order::resolve(&config.order_extensions, &extensions.modules, ModuleKind::Extension);
    let extension_groups = required(extension_groups.map_err(CreateError::ExtensionOrder)?);
    check(image, &lifecycle.description, &buildpacks.modules, &extensions.modules)?;

    let known = [&located];
    let writing = Writing { known: &known, likely: Likely::There, if_refused: IfRefused::Keep };
    let built = destination.write(&writing, |sink| {
        baler_store::copy_layers(image, located.source(context.store), sink, &|_| {})?;
        let mut draft = Draft::new(context, image, sink);
        draft.directories(user)?;
        lifecycle.add(context, &mut draft, user)?;
        let buildpack_layers = draft.modules(&buildpacks.modules, &request.flattened)?;
        let extension_layers = draft.modules(&extensions.modules, &[])?;
        draft.files(&config, &groups, &extension_groups)?;

        let metadata = labels::builder(&config, &buildpacks.infos, &extensions.infos, lifecycle.description.clone());
        let mut texts = request.labels.clone();
        texts.insert(BUILDER_METADATA.to_owned(), encode(&metadata)?);
        texts.extend(label_texts(&config, &buildpack_layers, &extension_layers)?);
        let built = draft.finish(destination.name(), texts)?;
        destination.put_names(sink, &built)?;
        Ok::<_, CreateError>(built)
    })?;
    let buildpacks = buildpacks.modules.into_keys().collect();
    Ok(CreatedBuilder { digest: built.digest().clone(), buildpacks })
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
    target: Option<&Platform>,
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
    let is_complete = |target: &&BuildTarget| !target.os.is_empty() && !target.arch.is_empty();
    let of_file = config.targets.first().filter(is_complete).map(|target| Platform {
        variant: (!target.variant.is_empty()).then(|| target.variant.clone()),
        ..Platform::new(&target.os, &target.arch)
    });
    let wanted = match target.cloned().or(of_file) {
        Some(platform) => Wanted::Exactly(platform),
        None => Wanted::Preferably(Platform::host()),
    };
    let (search, needed) = (Search::By(context.pull_policy), Needed::Documents);
    let asked = Asked { role: "build image", name: &name, wanted: &wanted, search, needed };
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

impl From<ConfigError> for CreateError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
