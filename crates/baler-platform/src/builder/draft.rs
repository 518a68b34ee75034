//! A builder in work: the build image with layers added (platform-behaviour 4.5), in pack's order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use baler_cnb::labels::{ModuleLayers, STACK_MIXINS};
use baler_cnb::order::Group;
use baler_image::{Descriptor, Digest, Document, History, ImageName, Layer, Parts, ResolvedImage, Sink};
use baler_layer::archive::decompress;
use baler_layer::module::ModuleLayer;
use baler_layer::sink::{SinkError, compress};
use baler_layer::tar::{Attributes, Owner, TarError, TarWriter};

use super::config::BuilderConfig;
use super::error::CreateError;
use super::files;
use super::flatten::{Flattened, write_flattened};
use crate::context::Context;
use crate::modules::archive::MAXIMUM_SIZE;
use crate::modules::package_image::put_blob;
use crate::modules::{Content, Module, Modules};

/// The creation time of builders and of each step of their history.
const CREATED: &str = "1980-01-01T00:00:01Z";

/// A builder in work.
pub(super) struct Draft<'a> {
    context: &'a Context<'a>,
    base: &'a ResolvedImage,
    sink: &'a dyn Sink,
    layers: Vec<Layer>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(context: &'a Context<'a>, base: &'a ResolvedImage, sink: &'a dyn Sink) -> Self {
        Self { context, base, sink, layers: Vec::new() }
    }

    /// Adds a layer that `write` writes as tar.
    pub(super) fn add<E>(&mut self, write: impl FnOnce(&mut dyn Write) -> Result<(), E>) -> Result<Digest, CreateError>
    where
        E: From<SinkError>,
        CreateError: From<E>,
    {
        self.context.interrupt.check()?;
        let mut blob = self.sink.begin_blob()?;
        let made = compress(self.context.threads, &mut blob, write)?;
        blob.commit(&made.digest, made.size)?;
        let descriptor = Descriptor::new(self.base.family().layer_gzip(), made.size, made.digest);
        self.layers.push(Layer { descriptor, diff_id: made.diff_id.clone() });
        Ok(made.diff_id)
    }

    fn add_files(&mut self, files: &[(String, Vec<u8>)]) -> Result<(), CreateError> {
        self.add(|output| {
            let mut tar = TarWriter::new(output);
            for (path, bytes) in files {
                tar.file_of_bytes(Path::new(path), &Attributes::new(0o644, Owner::ROOT), bytes)?;
            }
            tar.finish().map(|_| ())
        })?;
        Ok(())
    }

    /// The directories that a build works in.
    pub(super) fn directories(&mut self, (uid, gid): (u32, u32)) -> Result<(), CreateError> {
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

    /// Modules of one kind: those that share a layer first, then each in one of its own, by name.
    pub(super) fn modules(&mut self, modules: &Modules, flattened: &[Flattened]) -> Result<ModuleLayers, CreateError> {
        let mut labels = ModuleLayers::new();
        let mut done = BTreeSet::new();
        for group in flattened {
            let together: Vec<&Module> = group.keys.iter().filter_map(|key| modules.get(key)).collect();
            if together.is_empty() {
                continue;
            }
            let context = self.context;
            let diff_id = self.add(|output| write_flattened(context, &together, output))?;
            for module in together {
                done.insert(module.key());
                note(&mut labels, module, &diff_id);
            }
        }
        let mut alone: BTreeMap<String, &Module> = BTreeMap::new();
        for module in modules.values().filter(|module| !done.contains(&module.key())) {
            alone.insert(module.description.info.full_name(), module);
        }
        let mut shared = BTreeSet::new();
        for module in alone.into_values() {
            let diff_id = match &module.content {
                Content::Directory(directory) => {
                    let layer = ModuleLayer {
                        root: directory.clone(),
                        path_in_image: module.path_in_image(),
                        descriptor: None,
                    };
                    self.add(|output| layer.write(output))?
                }
                // A layer of several modules is there with the first of them.
                Content::Layer(layer) if !shared.insert(layer.diff_id.clone()) => layer.diff_id.clone(),
                Content::Layer(layer) => self.copy(layer)?,
            };
            note(&mut labels, module, &diff_id);
        }
        Ok(labels)
    }

    /// A layer of a package, as it is. Docker's images take no layer of another type than their own.
    fn copy(&mut self, layer: &Layer) -> Result<Digest, CreateError> {
        let store = self.context.store;
        let is_gzip = layer.descriptor.media_type.ends_with("gzip");
        if !is_gzip {
            let failed = |source| CreateError::ReadLayer { digest: layer.diff_id.clone(), source };
            let file = baler_image::Source::blob(store, &layer.descriptor)
                .map_err(|source| failed(std::io::Error::other(source)))?;
            let mut reader = decompress(file).map_err(failed)?;
            let copied = self.add(|output| {
                let mut limited = std::io::Read::take(&mut reader, MAXIMUM_SIZE);
                std::io::copy(&mut limited, output).map(|_| ()).map_err(|source| TarError::Write { source })
            })?;
            return Ok(copied);
        }
        if !self.sink.has_blob(&layer.descriptor.digest)? {
            baler_store::copy_blob(&layer.descriptor, store, self.sink, &|_| {})?;
        }
        let descriptor =
            Descriptor { media_type: self.base.family().layer_gzip().to_owned(), ..layer.descriptor.clone() };
        self.layers.push(Layer { descriptor, diff_id: layer.diff_id.clone() });
        Ok(layer.diff_id.clone())
    }

    /// The files that lifecycles read.
    pub(super) fn files(
        &mut self,
        config: &BuilderConfig,
        groups: &[Group],
        extension_groups: &[Group],
    ) -> Result<(), CreateError> {
        let mut one = |path: &str, text: String| self.add_files(&[(path.to_owned(), text.into_bytes())]);
        one("/cnb/order.toml", files::order(groups, extension_groups))?;
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

    /// Writes the config. The builder is to get `name`, and has none yet.
    pub(super) fn finish(
        self,
        name: &ImageName,
        texts: BTreeMap<String, String>,
    ) -> Result<ResolvedImage, CreateError> {
        let family = self.base.family();
        let mut config = self.base.config().clone();
        config.created = Some(CREATED.to_owned());
        config.rootfs.diff_ids.extend(self.layers.iter().map(|layer| layer.diff_id.clone()));
        let step = History { created: Some(CREATED.to_owned()), ..History::default() };
        config.history = vec![step; config.rootfs.diff_ids.len()];
        "/layers".clone_into(&mut config.config.working_dir);
        config.config.labels.entry(STACK_MIXINS.to_owned()).or_insert_with(|| "null".to_owned());
        config.config.labels.extend(texts);
        let raw = serde_json::to_vec(&config)?;
        let mut manifest = self.base.manifest().value.clone();
        manifest.config = Descriptor::of(family.config(), &raw);
        manifest.media_type = Some(family.manifest().to_owned());
        manifest.layers.extend(self.layers.into_iter().map(|layer| layer.descriptor));
        manifest.annotations.clear();
        put_blob(self.sink, &manifest.config, &raw)?;
        let document = serde_json::to_vec(&manifest)?;
        let descriptor = Descriptor::of(family.manifest(), &document);
        let identity = self.sink.identity(&descriptor.digest, &manifest.config.digest);
        // Fails here, not at the first build, if the parts do not belong together.
        Ok(ResolvedImage::from_parts(Parts {
            name: name.clone(),
            index_digest: None,
            identity,
            platform: self.base.platform().clone(),
            place: self.sink.place(),
            manifest: Document { raw: document, value: manifest },
            config: Document { raw, value: config },
        })?)
    }
}

fn note(labels: &mut ModuleLayers, module: &Module, diff_id: &Digest) {
    let (id, version) = module.key();
    labels.entry(id).or_default().insert(version, module.description.to_label(&diff_id.to_string()));
}
