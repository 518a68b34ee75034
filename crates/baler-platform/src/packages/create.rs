//! Puts a package together (platform-behaviour 3.7, 4.13).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use baler_cnb::buildpack::Target;
use baler_image::{Descriptor, Digest, ImageName, Layer, Platform, ResolvedImage, Sink, Wanted, media_type};
use baler_layer::module::ModuleLayer;
use baler_layer::sink::compress;
use baler_store::Layout;

use super::error::PackageCreateError;
use super::file;
use crate::context::Context;
use crate::destination::{Delivery, Destination, IfRefused, Writing};
use crate::modules::package_image::PackageImage;
use crate::modules::{Content, Description, Fetched, Fetcher, Module, ModuleKind, Origin, PackageConfig};
use crate::places::Likely;
use crate::targets::{self, Room};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct PackageRequest {
    pub kind: ModuleKind,
    pub source: PackageSource,
    pub format: PackageFormat,
    /// What the package is for, instead of what its files say.
    pub targets: Vec<Platform>,
    /// Further labels.
    pub labels: BTreeMap<String, String>,
}

/// What is packaged.
#[derive(Clone, Debug)]
pub enum PackageSource {
    /// A package.toml.
    Config(PathBuf),
    /// A module's directory.
    Directory(PathBuf),
}

/// Where the package goes.
#[derive(Clone, Debug)]
pub enum PackageFormat {
    /// An image, under these names.
    Image {
        names: Vec<ImageName>,
        /// In a registry, and not in the store.
        is_published: bool,
        /// In registries, the images of an index get names of their own, too.
        names_parts: bool,
    },
    /// A file; for several targets one each, with the target in its name.
    File(PathBuf),
}

/// A package that was made.
#[derive(Debug)]
pub enum Packaged {
    /// The digest is that of the index, where there are several platforms.
    Image {
        name: ImageName,
        digest: Digest,
    },
    File {
        path: PathBuf,
        digest: Digest,
    },
}

/// Makes the package: an image or an index of images, or a file for each target.
pub fn package(context: &Context<'_>, request: &PackageRequest) -> Result<Vec<Packaged>, PackageCreateError> {
    let of_file = targets_of_file(request);
    match &request.format {
        PackageFormat::File(path) => {
            // Scripts expect the file that they name, unless they themselves ask for several.
            let room = if request.targets.len() > 1 { Room::Several } else { Room::One };
            let platforms = targets::choose(&request.targets, &of_file, room)?;
            let files: Vec<_> = match &platforms[..] {
                [wanted] => vec![(wanted.platform(), path.clone())],
                several => {
                    several.iter().map(|wanted| (wanted.platform(), file::path_for(path, wanted.platform()))).collect()
                }
            };
            files.iter().try_for_each(|(_, path)| file::check(path))?;
            files.into_iter().map(|(platform, path)| write_file(context, request, platform, path)).collect()
        }
        PackageFormat::Image { names, is_published, names_parts } => {
            // First: one may not be allowed to write there.
            let destination = Destination::open(context, names, Delivery::published(*is_published))?;
            let platforms = targets::choose(&request.targets, &of_file, destination.room())?;
            let digest = write_images(context, request, &destination, &platforms, *names_parts)?;
            Ok(vec![Packaged::Image { name: names[0].clone(), digest }])
        }
    }
}

/// What package.toml says that a package is for, else the module's own file. What is wrong with them is said by who reads
/// them for what is in them.
fn targets_of_file(request: &PackageRequest) -> Vec<Target> {
    let (config, base) = match &request.source {
        PackageSource::Directory(path) => (path.join("package.toml"), path.as_path()),
        PackageSource::Config(path) => (path.clone(), path.parent().unwrap_or(Path::new(""))),
    };
    let config = PackageConfig::read(&config).unwrap_or_default();
    if !config.targets.is_empty() {
        return config.targets;
    }
    let root = match (&request.source, request.kind) {
        (PackageSource::Directory(path), _) => path.clone(),
        (PackageSource::Config(_), ModuleKind::Buildpack) => base.join(config.buildpack.uri),
        (PackageSource::Config(_), ModuleKind::Extension) => base.join(config.extension.uri),
    };
    Description::read(request.kind, &root).map(|description| description.targets).unwrap_or_default()
}

fn write_file(
    context: &Context<'_>,
    request: &PackageRequest,
    platform: &Platform,
    path: PathBuf,
) -> Result<Packaged, PackageCreateError> {
    let modules = modules(context, request, platform)?;
    let scratch = context.store.scratch("package")?;
    let layout = Layout::create_or_open(scratch.path())?;
    let image = write(context, request, (platform, &modules), &layout, &layout.image_name(None))?;
    layout.put_image(image.name(), &image)?;
    file::write(scratch.path(), &path)?;
    Ok(Packaged::File { path, digest: image.digest().clone() })
}

fn write_images(
    context: &Context<'_>,
    request: &PackageRequest,
    destination: &Destination<'_>,
    platforms: &[Wanted],
    names_parts: bool,
) -> Result<Digest, PackageCreateError> {
    let with_modules = |wanted: &'_ Wanted| {
        let platform = wanted.platform().clone();
        Ok::<_, PackageCreateError>((modules(context, request, &platform)?, platform))
    };
    let packages = platforms.iter().map(with_modules).collect::<Result<Vec<_>, _>>()?;
    // Images without their index cannot be sent later.
    let if_refused = if packages.len() > 1 { IfRefused::Forget } else { IfRefused::Keep };
    let writing = Writing { known: &[], likely: Likely::There, if_refused };
    destination.write(&writing, |sink| {
        destination.put_all(sink, (&packages, names_parts), |(modules, platform)| {
            write(context, request, (platform, modules), sink, destination.name())
        })
    })
}

/// What goes into the package, the module itself last.
fn modules(
    context: &Context<'_>,
    request: &PackageRequest,
    platform: &Platform,
) -> Result<Vec<Module>, PackageCreateError> {
    let fetched = fetch(context, request, platform)?;
    check(&fetched)?;
    Ok(in_order(fetched))
}

/// The module and its dependencies.
fn fetch(context: &Context<'_>, request: &PackageRequest, platform: &Platform) -> Result<Fetched, PackageCreateError> {
    let fetcher = Fetcher::new(context, platform);
    let get = |uri: &str, base: &Path| {
        let origin = Origin::parse(uri, base)?;
        let failed = |source| PackageCreateError::Fetch { uri: origin.to_string(), source: Box::new(source) };
        fetcher.fetch(request.kind, &origin).map_err(failed)
    };
    let path = match &request.source {
        PackageSource::Directory(path) => return get(".", path),
        PackageSource::Config(path) => path,
    };
    let config = PackageConfig::read(path)?;
    if config.kind() != request.kind {
        return Err(PackageCreateError::OtherKind { path: path.clone(), has: config.kind(), wanted: request.kind });
    }
    let base = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let uri = match request.kind {
        ModuleKind::Buildpack => &config.buildpack.uri,
        ModuleKind::Extension => &config.extension.uri,
    };
    // What a package.toml in the module's own directory depends on comes with it.
    let mut found = get(uri, base)?;
    for dependency in &config.dependencies {
        found.others.extend(get(&dependency.locator(), base)?.into_modules());
    }
    Ok(found)
}

/// Every element of an order is there, and nothing is that no order has.
fn check(fetched: &Fetched) -> Result<(), PackageCreateError> {
    let name = |module: &Module| module.description.info.full_name();
    let present: BTreeSet<String> = fetched.others.iter().map(name).collect();
    let mut used = BTreeSet::new();
    for module in std::iter::once(&fetched.main).chain(&fetched.others) {
        for element in module.description.order.iter().flat_map(|group| &group.group) {
            let (name, element_name) = (name(module), element.full_name());
            if element.version.is_empty() {
                return Err(PackageCreateError::NoVersion { name, element: element.id.clone() });
            }
            if !present.contains(&element_name) {
                return Err(PackageCreateError::NotPresent { name, element: element_name });
            }
            used.insert(element_name);
        }
    }
    match present.difference(&used).next() {
        Some(element) => Err(PackageCreateError::NotUsed { name: name(&fetched.main), element: element.clone() }),
        None => Ok(()),
    }
}

/// Dependencies by name, each once, then the module itself: the same package every time.
fn in_order(fetched: Fetched) -> Vec<Module> {
    let others: BTreeMap<String, Module> =
        fetched.others.into_iter().map(|module| (module.description.info.full_name(), module)).collect();
    others.into_values().chain([fetched.main]).collect()
}

/// Writes the blobs of the package; it has no name yet.
fn write(
    context: &Context<'_>,
    request: &PackageRequest,
    (platform, modules): (&Platform, &[Module]),
    sink: &dyn Sink,
    name: &ImageName,
) -> Result<ResolvedImage, PackageCreateError> {
    let mut layers: Vec<(&Description, Layer)> = Vec::new();
    for module in modules {
        context.interrupt.check()?;
        layers.push((&module.description, layer(context, module, sink)?));
    }
    let (main, _) = layers.last().expect("a package has its own module");
    let image = PackageImage { kind: request.kind, main, modules: &layers, platform };
    Ok(image.draft(sink, name, &request.labels)?)
}

fn layer(context: &Context<'_>, module: &Module, sink: &dyn Sink) -> Result<Layer, PackageCreateError> {
    match &module.content {
        Content::Directory(directory) => {
            let layer =
                ModuleLayer { root: directory.clone(), path_in_image: module.path_in_image(), descriptor: None };
            let mut blob = sink.begin_blob()?;
            let failed = |source| PackageCreateError::Layer { name: module.description.info.full_name(), source };
            let made = compress(context.threads, &mut blob, |output| layer.write(output)).map_err(failed)?;
            blob.commit(&made.digest, made.size)?;
            let descriptor = Descriptor::new(media_type::OCI_LAYER_GZIP, made.size, made.digest);
            Ok(Layer { descriptor, diff_id: made.diff_id })
        }
        Content::Layer(layer) => {
            let copied = baler_store::copy_blob(&layer.descriptor, context.store, sink, &|_| ());
            copied.map_err(|source| PackageCreateError::ReadLayer { digest: layer.diff_id.clone(), source })?;
            let media_type = match layer.descriptor.media_type.rsplit(['.', '+']).next() {
                Some("gzip") => media_type::OCI_LAYER_GZIP,
                Some("zstd") => media_type::OCI_LAYER_ZSTD,
                Some(_) | None => media_type::OCI_LAYER,
            };
            let descriptor = Descriptor { media_type: media_type.to_owned(), ..layer.descriptor.clone() };
            Ok(Layer { descriptor, diff_id: layer.diff_id.clone() })
        }
    }
}
