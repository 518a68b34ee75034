//! The cache that the flags name: an image, else a directory, else none.

use std::path::PathBuf;

use baler_image::Digest;
use serde::{Deserialize, Serialize};

use super::Context;
use super::failure::{Failure, code};
use super::interruptible::InterruptibleCache;
use super::places::Places;
use crate::cache::{Cache, DamagedCache, ImageCache, ImageCachePlace, VolumeCache};
use crate::error_text::chain;
use crate::export::DEFAULT_CREATED_TEXT;
use crate::files::remove_tree;
use crate::log::Log as _;
use crate::toml_file::{read_optional_toml, write_toml};

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

/// What restorer leaves for exporter beside the files of the specification.
#[derive(Default, Serialize, Deserialize)]
struct Damage {
    /// The diffIDs of layers whose bytes in the cache are others.
    layers: Vec<Digest>,
}

fn damage_path(context: &Context<'_>) -> PathBuf {
    context.settings.layers_directory().join("damaged-cache.toml")
}

/// Leaves word of layers that are not what the cache says. They are told already; what is lost without it is time.
pub(super) fn leave_damage(context: &Context<'_>, cache: &dyn Cache) {
    let (path, damage) = (damage_path(context), Damage { layers: cache.distrusted() });
    let result = if damage.layers.is_empty() {
        remove_tree(&path).map_err(|error| chain(&error))
    } else {
        write_toml(&path, &damage).map_err(|error| chain(&error))
    };
    if let Err(error) = result {
        context.log.debug(&format!("Not telling the exporter of damaged layers: {error}"));
    }
}

/// Has the cache know what restorer has left.
pub(super) fn take_damage(context: &Context<'_>, cache: &dyn Cache) {
    // Anything may have happened to the file since.
    let damage: Damage = read_optional_toml(&damage_path(context)).ok().flatten().unwrap_or_default();
    for layer in &damage.layers {
        cache.distrust(layer);
    }
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
