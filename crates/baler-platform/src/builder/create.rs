//! Puts a builder together (platform-behaviour 4.5, 4.12): layers in pack's order, with pack's labels.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use baler_cnb::labels::{
    BUILDER_METADATA, BUILDPACK_LAYERS, BUILDPACK_ORDER, BUILDPACK_SYSTEM, EXTENSION_LAYERS, EXTENSION_ORDER,
    ModuleLayers, STACK_MIXINS, encode, encode_order,
};
use baler_cnb::order::{Group, System, SystemModules};
use baler_image::{
    Descriptor, Digest, Document, History, Identity, ImageName, Parts, Platform, ResolvedImage, Sink, Target, Wanted,
};
use baler_layer::module::ModuleLayer;
use baler_layer::sink::compress;
use baler_layer::tar::{Attributes, Owner, TarError, TarWriter};
use baler_lifecycle::launcher_binary::NoLauncher;
use baler_lifecycle::release_sboms;
use baler_store::Layout;

use super::config::{BuilderConfig, ConfigError};
use super::error::CreateError;
use super::modules::{self, Modules};
use super::{config, files, labels, order};
use crate::context::Context;
use crate::output::Level;
use crate::places::{Asked, Located, Needed, Search, locate};

/// The creation time of builders and of each step of their history.
const CREATED: &str = "1980-01-01T00:00:01Z";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreateRequest {
    /// What the builder is saved as.
    pub image: ImageName,
    /// The builder.toml.
    pub config: PathBuf,
}

/// A builder that was made.
#[derive(Debug)]
pub struct CreatedBuilder {
    pub digest: Digest,
    /// Buildpacks by id and version.
    pub buildpacks: Vec<(String, String)>,
}

/// Makes the builder.
pub fn create(context: &Context<'_>, request: &CreateRequest) -> Result<CreatedBuilder, CreateError> {
    let config = config::read(&request.config)?;
    for warning in &config.warnings {
        context.output.line(Level::Warning, &format!("builder configuration: {warning}"));
    }
    refuse_unsupported(&config)?;
    let base = request.config.parent().map_or_else(PathBuf::new, Path::to_owned);
    let modules = modules::read_all(&config.buildpacks, &base).map_err(CreateError::AddBuildpacks)?;
    let groups = order::resolve(&config.order, &modules).map_err(CreateError::Order)?;
    let located = find_build_image(context, &config, &base)?;
    let image = &located.image;
    let user = (labels::id(image, "CNB_USER_ID")?, labels::id(image, "CNB_GROUP_ID")?);

    let layout = match request.image.target() {
        Target::Reference(_) => None,
        Target::Layout { path, .. } => Some(Layout::create_or_open(path)?),
        Target::Archive { .. } | Target::Daemon { .. } => {
            return Err(CreateError::NoSuchDestination { name: request.image.clone() });
        }
    };
    let sink: &dyn Sink = match &layout {
        Some(layout) => layout,
        None => context.store,
    };
    baler_store::copy_layers(image, located.source(context.store), sink, &|_| {})?;

    let mut draft = Draft::new(image, sink, context.threads);
    draft.directories(user)?;
    draft.lifecycle(context, image.platform(), user)?;
    let module_layers = draft.modules(&modules)?;
    draft.files(&config, &groups)?;
    let texts = label_texts(&config, &modules, &module_layers)?;
    draft
        .finish(request, texts, context)
        .map(|digest| CreatedBuilder { digest, buildpacks: modules.into_keys().collect() })
}

fn refuse_unsupported(config: &BuilderConfig) -> Result<(), CreateError> {
    if !config.extensions.is_empty() || !config.order_extensions.is_empty() {
        return Err(CreateError::Unsupported { path: config.path.clone(), what: "extensions" });
    }
    if !config.lifecycle.uri.is_empty() {
        return Err(CreateError::Unsupported { path: config.path.clone(), what: "a lifecycle from a URI" });
    }
    Ok(())
}

fn find_build_image(context: &Context<'_>, config: &BuilderConfig, base: &Path) -> Result<Located, CreateError> {
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
    let target = config.targets.first();
    let wanted = match target {
        Some(target) if !target.os.is_empty() && !target.arch.is_empty() => {
            Wanted::Exactly(Platform::new(&target.os, &target.arch))
        }
        Some(_) | None => Wanted::Preferably(Platform::host()),
    };
    let (search, needed) = (Search::By(context.pull_policy), Needed::Documents);
    let asked = Asked { role: "build image", name: &name, wanted: &wanted, search, needed };
    locate(context, &asked).map_err(|source| CreateError::FetchBuildImage { name: name.clone(), source })
}

fn label_texts(
    config: &BuilderConfig,
    modules: &Modules,
    layers: &ModuleLayers,
) -> Result<Vec<(&'static str, String)>, CreateError> {
    let mut texts = vec![
        (BUILDER_METADATA, encode(&labels::builder(config, modules))?),
        (BUILDPACK_LAYERS, encode(layers)?),
        (EXTENSION_LAYERS, encode(&ModuleLayers::new())?),
    ];
    if !config.order.is_empty() {
        texts.push((BUILDPACK_ORDER, encode_order(&config.order)?));
        texts.push((EXTENSION_ORDER, encode_order(&config.order_extensions)?));
    }
    let system = System {
        pre: SystemModules { buildpacks: config.system_pre.clone() },
        post: SystemModules { buildpacks: config.system_post.clone() },
    };
    if !system.is_empty() {
        texts.push((BUILDPACK_SYSTEM, encode(&system)?));
    }
    Ok(texts)
}

/// A builder in work: the build image with layers added.
struct Draft<'a> {
    base: &'a ResolvedImage,
    sink: &'a dyn Sink,
    threads: NonZeroUsize,
    layers: Vec<Descriptor>,
    diff_ids: Vec<Digest>,
}

impl<'a> Draft<'a> {
    fn new(base: &'a ResolvedImage, sink: &'a dyn Sink, threads: NonZeroUsize) -> Self {
        Self { base, sink, threads, layers: Vec::new(), diff_ids: Vec::new() }
    }

    fn add(&mut self, write: impl FnOnce(&mut dyn Write) -> Result<(), TarError>) -> Result<Digest, CreateError> {
        let mut blob = self.sink.begin_blob()?;
        let compressed = compress(self.threads, &mut blob, write).map_err(CreateError::Layer)?;
        blob.commit(&compressed.digest, compressed.size)?;
        let media_type = self.base.family().layer_gzip();
        self.layers.push(Descriptor::new(media_type, compressed.size, compressed.digest));
        self.diff_ids.push(compressed.diff_id.clone());
        Ok(compressed.diff_id)
    }

    fn add_files(&mut self, files: &[(String, Vec<u8>)]) -> Result<(), CreateError> {
        self.add(|output| {
            let mut tar = TarWriter::new(output);
            for (path, bytes) in files {
                let attributes = Attributes::new(0o644, Owner::ROOT);
                tar.file(Path::new(path), &attributes, bytes.len() as u64, bytes.as_slice())?;
            }
            tar.finish().map(|_| ())
        })?;
        Ok(())
    }

    /// The directories that a build works in.
    fn directories(&mut self, (uid, gid): (u32, u32)) -> Result<(), CreateError> {
        const OF_ROOT: [&str; 7] = [
            "/cnb",
            "/cnb/buildpacks",
            "/cnb/extensions",
            "/platform",
            "/platform/env",
            "/cnb/build-config",
            "/cnb/build-config/env",
        ];
        self.add(|output| {
            let mut tar = TarWriter::new(output);
            for path in ["/workspace", "/layers"] {
                tar.directory(Path::new(path), &Attributes::new(0o755, Owner::new(uid, gid)))?;
            }
            for path in OF_ROOT {
                tar.directory(Path::new(path), &Attributes::new(0o755, Owner::ROOT))?;
            }
            tar.finish().map(|_| ())
        })?;
        Ok(())
    }

    /// Our own lifecycle: this program under its other name, the launcher, and the phases as links.
    fn lifecycle(&mut self, context: &Context<'_>, platform: &Platform, user: (u32, u32)) -> Result<(), CreateError> {
        const PHASES: [&str; 8] =
            ["analyzer", "builder", "creator", "detector", "exporter", "extender", "rebaser", "restorer"];
        let architecture = &platform.architecture;
        let launcher =
            (context.launchers)(architecture).ok_or_else(|| NoLauncher { architecture: architecture.clone() })?;
        let host = Platform::host();
        if host.rank(platform).is_none() {
            return Err(CreateError::ForeignLifecycle { host, wanted: platform.clone() });
        }
        let path = &context.program_file;
        let program = fs_err::read(path).map_err(|source| CreateError::ReadProgram { path: path.clone(), source })?;
        self.add(|output| {
            let mut tar = TarWriter::new(output);
            let executable = Attributes::new(0o755, Owner::ROOT);
            tar.directory(Path::new("/cnb/lifecycle"), &executable)?;
            for_builds_in_place(&mut tar, user)?;
            for (name, bytes) in [("lifecycle", program.as_slice()), ("launcher", launcher)] {
                tar.file(&Path::new("/cnb/lifecycle").join(name), &executable, bytes.len() as u64, bytes)?;
            }
            let link = Attributes::new(0o777, Owner::ROOT);
            for phase in PHASES {
                tar.symlink(&Path::new("/cnb/lifecycle").join(phase), Path::new("lifecycle"), &link)?;
            }
            let text = Attributes::new(0o644, Owner::ROOT);
            for (component, files) in
                [("launcher", release_sboms::launcher()), ("lifecycle", release_sboms::lifecycle())]
            {
                for (suffix, bytes) in files {
                    tar.file_of_bytes(
                        &Path::new("/cnb/lifecycle").join(format!("{component}.{suffix}")),
                        &text,
                        bytes,
                    )?;
                }
            }
            let old_place = Attributes::new(0o644, Owner::ROOT);
            tar.symlink(Path::new("/lifecycle"), Path::new("/cnb/lifecycle"), &old_place)?;
            tar.finish().map(|_| ())
        })?;
        Ok(())
    }

    fn modules(&mut self, modules: &Modules) -> Result<ModuleLayers, CreateError> {
        let mut layers = ModuleLayers::new();
        for module in modules.values() {
            let layer = ModuleLayer { root: module.directory.clone(), path_in_image: module.path_in_image() };
            let diff_id = self.add(|output| layer.write(output))?;
            let (id, version) = module.key();
            layers.entry(id).or_default().insert(version, labels::module_layer(module, &diff_id));
        }
        Ok(layers)
    }

    /// The files that lifecycles read.
    fn files(&mut self, config: &BuilderConfig, groups: &[Group]) -> Result<(), CreateError> {
        let mut one = |path: &str, text: String| self.add_files(&[(path.to_owned(), text.into_bytes())]);
        if !groups.is_empty() {
            one("/cnb/order.toml", files::order(groups, &[]))?;
        }
        if !config.system_pre.is_empty() || !config.system_post.is_empty() {
            one("/cnb/system.toml", files::system(&config.system_pre, &config.system_post))?;
        }
        one("/cnb/stack.toml", files::stack(&config.run_images[0]))?;
        one("/cnb/run.toml", files::run(&config.run_images))?;
        let environment = files::build_environment(&config.build_environment);
        if !environment.is_empty() {
            self.add_files(&environment)?;
        }
        // For platform variables; there are none, but the layer is a part of every builder.
        self.add_files(&[])
    }

    fn finish(
        self,
        request: &CreateRequest,
        texts: Vec<(&'static str, String)>,
        context: &Context<'_>,
    ) -> Result<Digest, CreateError> {
        let mut config = self.base.config().clone();
        config.created = Some(CREATED.to_owned());
        config.rootfs.diff_ids.extend(self.diff_ids);
        let step = History { created: Some(CREATED.to_owned()), ..History::default() };
        config.history = vec![step; config.rootfs.diff_ids.len()];
        "/layers".clone_into(&mut config.config.working_dir);
        config.config.labels.entry(STACK_MIXINS.to_owned()).or_insert_with(|| "null".to_owned());
        config.config.labels.extend(texts.into_iter().map(|(name, text)| (name.to_owned(), text)));
        let raw = serde_json::to_vec(&config)?;
        let mut manifest = self.base.manifest().value.clone();
        manifest.config = Descriptor::of(self.base.family().config(), &raw);
        manifest.media_type = Some(self.base.family().manifest().to_owned());
        manifest.layers.extend(self.layers);
        manifest.annotations.clear();
        put(self.sink, &manifest.config, &raw)?;
        let document = serde_json::to_vec(&manifest)?;
        let descriptor = Descriptor::of(self.base.family().manifest(), &document);
        let identity = if self.sink.keeps_manifests() {
            Identity::Manifest(descriptor.digest.clone())
        } else {
            Identity::ImageId(manifest.config.digest.clone())
        };
        // Fails here, not at the first build, if the parts do not belong together.
        let image = ResolvedImage::from_parts(Parts {
            name: request.image.clone(),
            index_digest: None,
            identity,
            platform: self.base.platform().clone(),
            place: self.sink.place(),
            manifest: Document { raw: document.clone(), value: manifest },
            config: Document { raw, value: config },
        })?;
        context.interrupt.check()?;
        self.sink.put_document(&request.image, &descriptor, &document)?;
        Ok(image.digest().clone())
    }
}

/// What the reference's lifecycle has not: this program under its own name, and directories in which users that the
/// builder does not know can work too. The layer of directories stays as pack makes it.
fn for_builds_in_place<W: Write>(tar: &mut TarWriter<W>, (uid, gid): (u32, u32)) -> Result<(), TarError> {
    for path in ["/workspace", "/layers"] {
        tar.directory(Path::new(path), &Attributes::new(0o1777, Owner::new(uid, gid)))?;
    }
    let link = Attributes::new(0o777, Owner::ROOT);
    tar.symlink(Path::new("/cnb/lifecycle/baler"), Path::new("lifecycle"), &link)
}

fn put(sink: &dyn Sink, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), CreateError> {
    let mut blob = sink.begin_blob()?;
    blob.write_all(bytes).map_err(|source| CreateError::WriteConfig { digest: descriptor.digest.clone(), source })?;
    Ok(blob.commit(&descriptor.digest, descriptor.size)?)
}

impl From<ConfigError> for CreateError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
