//! Getting modules, each origin in its own way.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use baler_image::{ImageName, Platform, ResolvedImage, Wanted, resolve};
use baler_store::copy_layers;

use super::archive::{self, Holds};
use super::download::{Answer, FILE, download};
use super::layout_archive;
use super::package::{Package, modules};
use super::package_config::PackageConfig;
use super::package_image::{name_of, put_blob};
use super::remembered::{Remembered, mark_of};
use super::{
    Content, Description, FetchError, InlineBuildpack, Locator, Module, ModuleKind, Origin, PackageError, Surroundings,
    is_as_in_an_image,
};
use crate::context::Context;
use crate::output::Level;
use crate::places::{Asked, Located, Needed, Search, locate};

/// Packages that name packages are followed this far.
const MAXIMUM_DEPTH: usize = 8;

/// Gets modules for one platform.
pub struct Fetcher<'a> {
    context: &'a Context<'a>,
    platform: Platform,
}

/// What was at an origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// The module that was asked for.
    pub main: Module,
    /// Others that came with it.
    pub others: Vec<Module>,
}

impl Fetched {
    /// What the labels of a package say that it holds; none of its layers is read.
    ///
    /// # Errors
    ///
    /// If the image is no package of that kind, or one that contradicts itself.
    pub fn of_package(image: &ResolvedImage, kind: ModuleKind) -> Result<Self, PackageError> {
        Self::of(&Package { image, name: &image.name().to_string() }, kind)
    }

    fn of(package: &Package<'_>, kind: ModuleKind) -> Result<Self, PackageError> {
        let mut modules = modules(package, kind)?.into_iter();
        let main = modules.next().ok_or_else(|| {
            let (name, id, version) = (package.name.to_owned(), String::new(), String::new());
            PackageError::NoMain { name, id, version }
        })?;
        Ok(Self { main, others: modules.collect() })
    }

    /// All of them.
    pub fn into_modules(self) -> impl Iterator<Item = Module> {
        std::iter::once(self.main).chain(self.others)
    }
}

impl<'a> Fetcher<'a> {
    /// `platform` is chosen where an origin has several.
    pub fn new(context: &'a Context<'a>, platform: &Platform) -> Self {
        Self { context, platform: platform.clone() }
    }

    /// Gets what is at `origin`.
    pub fn fetch(&self, kind: ModuleKind, origin: &Origin) -> Result<Fetched, FetchError> {
        self.fetch_below(kind, origin, 0)
    }

    fn fetch_below(&self, kind: ModuleKind, origin: &Origin, depth: usize) -> Result<Fetched, FetchError> {
        let say = |text: String| self.context.output.line(Level::Debug, &text);
        match origin {
            Origin::Path(path) if path.is_dir() => self.directory(kind, path, depth),
            Origin::Path(path) => {
                say(format!("Reading {kind} from '{}'", path.display()));
                self.file(kind, path)
            }
            Origin::Url(url) => {
                say(format!("Downloading {kind} from URI: '{origin}'"));
                self.url(kind, url)
            }
            Origin::Image(name) => {
                say(format!("Downloading {kind} from image: '{name}'"));
                self.image(kind, name)
            }
        }
    }

    /// A buildpack whose script is at hand.
    pub fn inline(&self, buildpack: &InlineBuildpack) -> Result<Module, FetchError> {
        let scratch = self.context.store.scratch("inline").map_err(super::DownloadError::from)?;
        let path = scratch.path();
        buildpack.write(path).map_err(|source| FetchError::Inline { id: buildpack.id.clone(), source })?;
        let kind = ModuleKind::Buildpack;
        let description = Description::read(kind, path)?;
        self.packed(kind, description, path, None)
    }

    /// A directory, and what its package.toml depends on.
    fn directory(&self, kind: ModuleKind, path: &Path, depth: usize) -> Result<Fetched, FetchError> {
        let path = fs_err::canonicalize(path).map_err(|source| FetchError::Read { path: path.to_owned(), source })?;
        let config = path.join("package.toml");
        let (root, dependencies) = if kind == ModuleKind::Buildpack && config.is_file() {
            let read = PackageConfig::read(&config)?;
            let root = if read.buildpack.uri.is_empty() { path.clone() } else { path.join(&read.buildpack.uri) };
            let root = if root.is_dir() { root } else { path.clone() };
            (root, read.dependencies)
        } else {
            (path.clone(), Vec::new())
        };
        let main = self.read_directory(kind, &root)?;
        let mut others = Vec::new();
        for uri in dependencies.iter().map(super::package_config::Dependency::locator) {
            let failed =
                |source| FetchError::Dependency { path: config.clone(), uri: uri.clone(), source: Box::new(source) };
            let found = self.dependency(kind, &config, &root, &uri, depth).map_err(failed)?;
            others.extend(found.into_modules());
        }
        Ok(Fetched { main, others })
    }

    fn dependency(
        &self,
        kind: ModuleKind,
        config: &Path,
        base: &Path,
        uri: &str,
        depth: usize,
    ) -> Result<Fetched, FetchError> {
        if depth == MAXIMUM_DEPTH {
            return Err(FetchError::TooDeep { path: config.to_owned(), maximum: MAXIMUM_DEPTH });
        }
        let origin = Origin::parse(uri, base)?;
        self.fetch_below(kind, &origin, depth + 1)
    }

    /// A directory is used where it is, unless its programs could not be executed there: as a layer they could. What is in a
    /// sub-directory for the platform is used instead; where that does not describe itself, it becomes a layer as well.
    fn read_directory(&self, kind: ModuleKind, path: &Path) -> Result<Module, FetchError> {
        let own = sub_directory(path, &self.platform);
        let root = own.as_deref().unwrap_or(path);
        let descriptor = path.join(kind.descriptor());
        let is_elsewhere = own.is_some() && !root.join(kind.descriptor()).exists();
        let description = Description::read(kind, if is_elsewhere { path } else { root })?;
        if is_as_in_an_image(kind, root) && !is_elsewhere {
            return Ok(Module { kind, description, content: Content::Directory(root.to_owned()) });
        }
        self.packed(kind, description, root, is_elsewhere.then_some(&descriptor))
    }

    /// A directory as a layer in the store; the descriptor may lie elsewhere.
    fn packed(
        &self,
        kind: ModuleKind,
        description: Description,
        path: &Path,
        descriptor: Option<&PathBuf>,
    ) -> Result<Module, FetchError> {
        let image =
            archive::import_directory(self.context, kind, &description, path, descriptor.map(PathBuf::as_path))?;
        let layer = image.layers().last().cloned();
        let content = layer.map_or_else(|| Content::Directory(path.to_owned()), Content::Layer);
        Ok(Module { kind, description, content })
    }

    /// An archive or a package.
    fn file(&self, kind: ModuleKind, path: &Path) -> Result<Fetched, FetchError> {
        let read = |source| FetchError::Read { path: path.to_owned(), source };
        let path = fs_err::canonicalize(path).map_err(read)?;
        let mark = mark_of(&fs_err::metadata(&path).map_err(read)?);
        let origin = format!("{kind} {}", path.display());
        let failed = |source| FetchError::Remember { origin: origin.clone(), source };
        let remembered = Remembered::open(self.context.store, &origin).map_err(failed)?;
        if let Some(known) = self.recall(&remembered, &mark)? {
            return Ok(known.of(kind, &path.display())?);
        }
        let taken = self.take(kind, &path)?;
        remembered.remember(taken.image.digest(), &mark).map_err(failed)?;
        Ok(taken.of(kind, &path.display())?)
    }

    /// What is remembered, if it is of this state of the origin and still there.
    fn recall(&self, remembered: &Remembered<'_>, mark: &str) -> Result<Option<Taken>, FetchError> {
        match remembered.recall() {
            Some(memory) if memory.mark == mark => self.in_store(&memory.digest),
            Some(_) | None => Ok(None),
        }
    }

    fn in_store(&self, digest: &baler_image::Digest) -> Result<Option<Taken>, FetchError> {
        let resolved = resolve(&name_of(digest)?, &Wanted::Preferably(self.platform.clone()), self.context.store);
        match resolved {
            Ok(image) => Ok(Some(Taken { image })),
            // Somebody pruned; it is taken again.
            Err(baler_image::ResolveError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a file into the store.
    fn take(&self, kind: ModuleKind, path: &Path) -> Result<Taken, FetchError> {
        let image = match archive::survey(kind, path)? {
            Holds::Module(description) => archive::import(self.context, kind, &description, path)?,
            Holds::Layout => {
                let mut tar = archive::open(path)?;
                layout_archive::import(self.context.store, path, &mut tar, &self.platform)?
            }
        };
        Ok(Taken { image })
    }

    fn url(&self, kind: ModuleKind, url: &str) -> Result<Fetched, FetchError> {
        let origin = format!("{kind} {}", super::locator::redacted(url));
        let failed = |source| FetchError::Remember { origin: origin.clone(), source };
        let remembered = Remembered::open(self.context.store, &origin).map_err(failed)?;
        let known = remembered.recall().filter(|memory| !memory.mark.is_empty());
        let known = match known {
            Some(memory) => self.in_store(&memory.digest)?.map(|taken| (taken, memory.mark)),
            None => None,
        };
        match (download(self.context, url, known.as_ref().map(|(_, mark)| mark.as_str()))?, known) {
            (Answer::File { scratch, mark }, _) => {
                let taken = self.take(kind, &scratch.path().join(FILE))?;
                if let Some(mark) = mark {
                    remembered.remember(taken.image.digest(), &mark).map_err(failed)?;
                }
                Ok(taken.of(kind, &super::locator::redacted(url))?)
            }
            (Answer::Same, Some((taken, _))) => Ok(taken.of(kind, &super::locator::redacted(url))?),
            // It was not asked whether it is still the same, and said that it is.
            (Answer::Same, None) => {
                Err(super::DownloadError::Status { url: super::locator::redacted(url), status: 304 }.into())
            }
        }
    }

    /// An image: what the store does not have of it is copied there.
    fn image(&self, kind: ModuleKind, name: &ImageName) -> Result<Fetched, FetchError> {
        let wanted = Wanted::Preferably(self.platform.clone());
        let (search, needed) = (Search::By(self.context.pull_policy), Needed::Layers);
        let asked = Asked { role: "package", name, wanted: &wanted, search, needed };
        let located =
            locate(self.context, &asked).map_err(|source| FetchError::Image { name: name.clone(), source })?;
        let found = Taken { image: located.image.clone() };
        // Before anything is copied that may be no package at all.
        let fetched = found.of(kind, name)?;
        self.keep(kind, &located)?;
        Ok(fetched)
    }

    fn keep(&self, kind: ModuleKind, located: &Located) -> Result<(), FetchError> {
        let image = &located.image;
        if matches!(image.place(), baler_image::Place::Store) {
            return Ok(());
        }
        let store = self.context.store;
        let origin = format!("{kind} image {}", image.name());
        let failed = |source| FetchError::Remember { origin: origin.clone(), source };
        let remembered = Remembered::open(store, &origin).map_err(failed)?;
        let copied = copy_layers(image, located.source(store), store, &|_| ());
        copied.map_err(|source| FetchError::Copy { name: image.name().clone(), source })?;
        if remembered.recall().is_some_and(|memory| memory.digest == *image.digest()) {
            return Ok(());
        }
        let put =
            |descriptor, bytes| put_blob(store, descriptor, bytes).map_err(super::archive::ModuleArchiveError::from);
        put(&image.manifest().value.config, image.raw_config())?;
        put(&image.descriptor(), &image.manifest().raw)?;
        remembered.remember(image.digest(), "").map_err(failed)
    }
}

/// Where a directory has what is for a platform: in `OS/ARCHITECTURE[/VARIANT]`, or in `OS` (platform-behaviour 3.8). A
/// directory that only happens to be called like that has no programs.
fn sub_directory(path: &Path, platform: &Platform) -> Option<PathBuf> {
    let mut found = path.to_owned();
    let parts = [Some(&platform.os), Some(&platform.architecture), platform.variant.as_ref()];
    for part in parts.into_iter().flatten() {
        let below = found.join(part);
        if !below.is_dir() {
            break;
        }
        found = below;
    }
    (found != path && found.join("bin").is_dir()).then_some(found)
}

/// A package whose blobs are in the store.
struct Taken {
    image: ResolvedImage,
}

impl Taken {
    /// `from` is what messages call the package.
    fn of(&self, kind: ModuleKind, from: &dyn Display) -> Result<Fetched, PackageError> {
        Fetched::of(&Package { image: &self.image, name: &from.to_string() }, kind)
    }
}

impl Origin {
    /// Understands text where there is no builder, as in files that name modules.
    pub fn parse(text: &str, base: &Path) -> Result<Self, super::InvalidLocator> {
        match Locator::parse(text, &Surroundings::without_builder(base))? {
            Locator::From(origin) => Ok(origin),
            Locator::Builder | Locator::Id { .. } => Err(super::InvalidLocator::NotInBuilder { text: text.to_owned() }),
        }
    }
}
