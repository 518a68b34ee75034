//! The build cache: where it is, as `--cache` and `--cache-image` say it, and opened.

use std::io;
use std::path::{Path, PathBuf};

use baler_image::{ImageName, ResolveError};
use baler_lifecycle::cache::{Cache, CacheError, DamagedCache, ImageCache, ImageCachePlace, TreeCache, VolumeCache};
use baler_lifecycle::export::DEFAULT_CREATED_TEXT;

use super::request::{BuildRequest, CacheRequest};
use crate::context::Context;
use crate::destination::Delivery;
use crate::images::{cache_key, published_cache_key, volume_cache_key};
use crate::output::Level;
use crate::places::{self, Destinations, PublishError, RegistriesError};

/// The directory in a `bind` cache that holds the build cache, beside those of other tools.
const BIND_DIRECTORY: &str = "build-cache";

/// Why the build cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildCacheError {
    #[error("could not use the cache directory {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("could not use the cache of the image")]
    OfImage { source: io::Error },
    #[error("'{name}' is not the name of a cache image in a registry")]
    NotInRegistry { name: ImageName },
    #[error("could not read the cache image '{name}'")]
    Image { name: ImageName, source: ResolveError },
    #[error("{0}")]
    Registries(#[from] RegistriesError),
    #[error("{0}")]
    Publish(#[from] PublishError),
    #[error("{0}")]
    Cache(#[from] CacheError),
}

/// Where a build finds what an earlier one has left.
#[derive(Debug)]
pub(super) enum CachePlace {
    /// In the local store: live trees beside blobs.
    Store(PathBuf),
    /// A directory that other lifecycles read and write, too.
    Directory(PathBuf),
    Image(ImageName),
}

impl CachePlace {
    /// The place that is asked for. What is in the local store stays there as long as this process lives.
    pub(super) fn choose(context: &Context<'_>, request: &BuildRequest) -> Result<Self, BuildCacheError> {
        let key = match &request.cache {
            CacheRequest::OfImage if request.delivery != Delivery::Store => published_cache_key(&request.image),
            CacheRequest::OfImage => cache_key(&request.image),
            CacheRequest::Volume(name) => volume_cache_key(name),
            CacheRequest::Bind(source) => {
                let path = source.join(BIND_DIRECTORY);
                check_directory(&path).map_err(|source| BuildCacheError::Directory { path: path.clone(), source })?;
                context.output.line(Level::Debug, &format!("Using build cache dir '{}'", path.display()));
                return Ok(Self::Directory(path));
            }
            CacheRequest::Image(name) => {
                Destinations::of(context, std::slice::from_ref(name))?.check()?;
                return Ok(Self::Image(name.clone()));
            }
        };
        context.output.line(Level::Debug, &format!("Using build cache volume '{key}'"));
        let directory = context.store.cache(&key).map_err(|source| BuildCacheError::OfImage { source })?;
        Ok(Self::Store(directory))
    }

    /// The directory for what the store keeps of an image between builds.
    pub(super) fn in_store(&self) -> Option<&Path> {
        match self {
            Self::Store(path) => Some(path),
            Self::Directory(_) | Self::Image(_) => None,
        }
    }

    /// Forgets what earlier builds have left. An image is not touched before the new one takes its place.
    pub(super) fn clear(&self, context: &Context<'_>) -> Result<(), BuildCacheError> {
        let path = match self {
            Self::Store(path) => {
                TreeCache::clear(path)?;
                path
            }
            Self::Directory(path) => {
                remove(path).map_err(|source| BuildCacheError::Directory { path: path.clone(), source })?;
                path
            }
            Self::Image(_) => return Ok(()),
        };
        context.output.line(Level::Debug, &format!("Build cache '{}' cleared", path.display()));
        Ok(())
    }

    pub(super) fn open<'a>(&self, context: &'a Context<'a>) -> Result<Box<dyn Cache + 'a>, BuildCacheError> {
        match self {
            Self::Store(path) => Ok(Box::new(TreeCache::open(path, context.store)?)),
            Self::Directory(path) => {
                fs_err::create_dir_all(path)
                    .map_err(|source| BuildCacheError::Directory { path: path.clone(), source })?;
                let cache = VolumeCache::open(path)?;
                warn_of(cache.damage(), context);
                Ok(Box::new(cache))
            }
            Self::Image(name) => Ok(Box::new(open_image(context, name)?)),
        }
    }
}

fn open_image(context: &Context<'_>, name: &ImageName) -> Result<ImageCache, BuildCacheError> {
    let reference = name.reference().ok_or_else(|| BuildCacheError::NotInRegistry { name: name.clone() })?;
    let registries = context.places.registries();
    let place = ImageCachePlace {
        name: name.clone(),
        source: Box::new(registries.source(reference)?),
        sink: Box::new(registries.sink(reference)?),
        created: DEFAULT_CREATED_TEXT.to_owned(),
    };
    let cache = ImageCache::open(place).map_err(|source| BuildCacheError::Image { name: name.clone(), source })?;
    warn_of(cache.damage(), context);
    let found = cache.image().map_or_else(|| "there is none".to_owned(), places::describe);
    context.output.line(Level::Debug, &format!("cache image '{name}': {found}"));
    Ok(cache)
}

/// Makes the directory where it is not there, and sees whether one may write to it.
fn check_directory(path: &Path) -> io::Result<()> {
    fs_err::create_dir_all(path)?;
    tempfile::tempfile_in(path).map(drop)
}

fn warn_of(damage: Option<&DamagedCache>, context: &Context<'_>) {
    if let Some(damage) = damage {
        context.output.line(Level::Warning, &damage.to_string());
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
