//! The cache that the flags name: an image, else a directory, else none.

use std::path::PathBuf;

use super::Context;
use super::failure::{Failure, code};
use super::interruptible::InterruptibleCache;
use super::places::Places;
use crate::cache::{Cache, DamagedCache, ImageCache, ImageCachePlace, VolumeCache};
use crate::export::DEFAULT_CREATED_TEXT;
use crate::log::Log as _;

/// Says what the user may have forgotten.
pub(super) fn warn(context: &Context<'_>) {
    let settings = context.settings;
    if settings.cache_directory().is_none() && settings.text("cache-image", "CNB_CACHE_IMAGE").is_none() {
        context.log.warn("No cached data will be used, no cache specified.");
    }
    warn_launch_cache(context);
}

/// The same for phases that export. The app image and the cache are always written at the same time; without a cache there
/// is nothing to do so with.
pub(super) fn warn_of_export(context: &Context<'_>) {
    warn(context);
    let settings = context.settings;
    let has_cache = settings.cache_directory().is_some() || settings.text("cache-image", "CNB_CACHE_IMAGE").is_some();
    if settings.boolean("parallel", "CNB_PARALLEL_EXPORT") && !has_cache {
        context
            .log
            .warn("Parallel export has been enabled, but it has not taken effect because no cache has been specified.");
    }
}

/// A launch cache belongs to a daemon: a registry gives out single layers.
pub(super) fn warn_launch_cache(context: &Context<'_>) {
    let settings = context.settings;
    if settings.launch_cache_directory().is_some() && !settings.boolean("daemon", "CNB_USE_DAEMON") {
        context.log.warn("Ignoring -launch-cache, only intended for use with -daemon");
    }
}

/// The directories of caches, which belong to the build user.
pub(super) fn directories(context: &Context<'_>) -> impl Iterator<Item = PathBuf> {
    [context.settings.cache_directory(), context.settings.launch_cache_directory()].into_iter().flatten()
}

/// Opens the cache.
pub(super) fn open(context: &Context<'_>, places: &Places) -> Result<Option<Box<dyn Cache>>, Failure> {
    let settings = context.settings;
    let cache = if let Some(text) = settings.text("cache-image", "CNB_CACHE_IMAGE") {
        open_image(context, places, &text)?
    } else if let Some(directory) = settings.cache_directory() {
        let failed = |error| Failure::new(code::FAILED, error).to("open the cache");
        let cache = VolumeCache::open(&directory).map_err(failed)?;
        warn_of(cache.damage(), context);
        Box::new(cache)
    } else {
        return Ok(None);
    };
    Ok(Some(Box::new(InterruptibleCache { cache, interrupt: context.interrupt.clone() })))
}

/// A cache image is always in a registry.
fn open_image(context: &Context<'_>, places: &Places, text: &str) -> Result<Box<dyn Cache>, Failure> {
    let (name, source, sink) = places.registry(text).map_err(|error| Failure::new(code::ARGUMENTS, error))?;
    let created = DEFAULT_CREATED_TEXT.to_owned();
    let place = ImageCachePlace { name, source: Box::new(source), sink: Box::new(sink), created };
    let failed = |error| Failure::new(code::FAILED, error).to("open the cache image");
    let cache = ImageCache::open(place).map_err(failed)?;
    warn_of(cache.damage(), context);
    Ok(Box::new(cache))
}

fn warn_of(damage: Option<&DamagedCache>, context: &Context<'_>) {
    if let Some(damage) = damage {
        context.log.warn(&damage.to_string());
    }
}
