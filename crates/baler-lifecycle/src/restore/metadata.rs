//! `<layer>.toml` and `store.toml` of the last build: which come back, and from where.

use std::path::Path;

use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::GroupElement;
use baler_cnb::labels::{BuildpackLayers, CacheMetadata, LayerMetadata, LifecycleMetadata};
use baler_cnb::layer::LayerFile;
use baler_cnb::metadata::escape_id;
use baler_cnb::store::StoreFile;

use super::{RestoreError, RestoreInputs};
use crate::files::{make_directory, write_file};
use crate::layers_directory::LayerId;
use crate::log::Log;

/// Where a layer's metadata comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    AppImage,
    Cache,
}

/// A `<layer>.toml` that comes back.
#[derive(Debug)]
pub(super) struct RestoredMetadata<'a> {
    pub(super) id: LayerId,
    pub(super) metadata: &'a LayerMetadata,
    pub(super) origin: Origin,
}

/// Decides which metadata comes back, in the order of the group and the layers' names.
pub(super) fn plan<'a>(
    group: &[GroupElement],
    image: &'a LifecycleMetadata,
    cached: &'a CacheMetadata,
    features: PlatformFeatures,
    log: &dyn Log,
) -> Vec<RestoredMetadata<'a>> {
    let mut plan = Vec::new();
    for buildpack in group {
        let in_image = find(&image.buildpacks, &buildpack.id);
        let in_cache = find(&cached.buildpacks, &buildpack.id);
        let layers = |of: Option<&'a BuildpackLayers>| of.into_iter().flat_map(|buildpack| &buildpack.layers);
        let is_in = |of: Option<&'a BuildpackLayers>, name: &str| of.and_then(|buildpack| buildpack.layers.get(name));
        for (name, metadata) in layers(in_image) {
            let id = LayerId::new(&buildpack.id, name);
            match why_not_from_image(metadata, is_in(in_cache, name)) {
                Some(reason) => log.debug(&format!("Not restoring metadata for {:?}, {reason}", id.to_string())),
                None => plan.push(RestoredMetadata { id, metadata, origin: Origin::AppImage }),
            }
        }
        for (name, metadata) in layers(in_cache) {
            let id = LayerId::new(&buildpack.id, name);
            let image_decides = is_in(in_image, name).is_some() || !features.restores_cached_launch_layers;
            if !metadata.types.cache {
                log.debug(&format!("Not restoring {:?} from cache, marked as cache=false", id.to_string()));
            } else if metadata.types.launch && image_decides {
                log.debug(&format!("Not restoring {:?} from cache, marked as launch=true", id.to_string()));
            } else {
                plan.push(RestoredMetadata { id, metadata, origin: Origin::Cache });
            }
        }
    }
    // What a label or a cache says is not to be trusted with paths.
    plan.retain(|layer| layer.id.is_safe());
    plan
}

fn find<'a>(buildpacks: &'a [BuildpackLayers], id: &str) -> Option<&'a BuildpackLayers> {
    buildpacks.iter().find(|buildpack| buildpack.key == id)
}

fn why_not_from_image(layer: &LayerMetadata, in_cache: Option<&LayerMetadata>) -> Option<&'static str> {
    if !layer.types.launch {
        Some("marked as launch=false")
    } else if layer.types.build && !layer.types.cache {
        Some("marked as build=true, cache=false")
    } else if layer.types.cache && !in_cache.is_some_and(|cached| cached.types.cache) {
        Some("marked as cache=true, but not found in cache")
    } else {
        None
    }
}

/// Writes one `<layer>.toml`, without `[types]`: the buildpack has to say again what the layer is for.
pub(super) fn write(
    inputs: &RestoreInputs<'_>,
    layer: &RestoredMetadata<'_>,
    log: &dyn Log,
) -> Result<(), RestoreError> {
    let origin = match layer.origin {
        Origin::AppImage => "app image",
        Origin::Cache => "cache",
    };
    log.info(&format!("Restoring metadata for {:?} from {origin}", layer.id.to_string()));
    let metadata = layer.metadata.data.as_ref().map(|data| data.0.clone());
    let text = toml::to_string(&LayerFile { types: None, metadata })
        .map_err(|source| RestoreError::Metadata { id: layer.id.clone(), source: Box::new(source) })?;
    write_below(inputs, &layer.id.toml_path(), &text)
}

/// Writes the `store.toml` of every buildpack that left one.
pub(super) fn restore_stores(inputs: &RestoreInputs<'_>, image: &LifecycleMetadata) -> Result<(), RestoreError> {
    for buildpack in inputs.group {
        let Some(store) = find(&image.buildpacks, &buildpack.id).and_then(|layers| layers.store.as_ref()) else {
            continue;
        };
        let text = toml::to_string(&StoreFile { metadata: store.metadata.0.clone() })
            .map_err(|source| RestoreError::Store { buildpack: buildpack.id.clone(), source: Box::new(source) })?;
        write_below(inputs, &Path::new(&escape_id(&buildpack.id)).join("store.toml"), &text)?;
    }
    Ok(())
}

fn write_below(inputs: &RestoreInputs<'_>, path: &Path, text: &str) -> Result<(), RestoreError> {
    let owner = inputs.user.host;
    let path = inputs.layers.host.join(path);
    make_directory(path.parent().unwrap_or(&path), owner)
        .and_then(|()| write_file(&path, text.as_bytes(), owner))
        .map_err(RestoreError::File)
}

#[cfg(test)]
mod tests {
    use baler_cnb::api::PlatformApi;

    use super::*;
    use crate::log::Silent;

    fn layers(text: &str) -> Vec<BuildpackLayers> {
        // `blc` names a layer with the flags build, launch and cache.
        let layer = |name: &str| {
            let types = baler_cnb::layer::LayerTypes {
                build: name.contains('b'),
                launch: name.contains('l'),
                cache: name.contains('c'),
            };
            (name.to_owned(), LayerMetadata { types: types.into(), ..LayerMetadata::default() })
        };
        let layers = text.split_whitespace().map(layer).collect();
        vec![BuildpackLayers { key: "a".into(), layers, ..BuildpackLayers::default() }]
    }

    fn planned(image: &str, cache: &str, api: &str) -> Vec<String> {
        let group = [GroupElement { id: "a".into(), ..GroupElement::default() }];
        let image = LifecycleMetadata { buildpacks: layers(image), ..LifecycleMetadata::default() };
        let cache = CacheMetadata { buildpacks: layers(cache), ..CacheMetadata::default() };
        let features = PlatformFeatures::for_api(api.parse::<PlatformApi>().unwrap());
        let plan = plan(&group, &image, &cache, features, &Silent);
        plan.iter().map(|layer| format!("{} {:?}", layer.id.layer, layer.origin)).collect()
    }

    #[test]
    fn flags_decide_what_comes_back() {
        let all = planned("bl blc l lc", "bc blc c lc", "0.12");
        assert_eq!(all, ["blc AppImage", "l AppImage", "lc AppImage", "bc Cache", "c Cache"]);
        assert_eq!(planned("blc lc l", "", "0.15"), ["l AppImage"]);
    }

    #[test]
    fn cached_launch_layers_without_an_image_come_back_from_0_14_on() {
        assert_eq!(planned("", "lc", "0.13"), Vec::<String>::new());
        assert_eq!(planned("", "lc", "0.14"), ["lc Cache"]);
    }

    #[test]
    fn names_that_lead_elsewhere_are_left_out() {
        assert_eq!(planned("", "../c", "0.15"), Vec::<String>::new());
    }
}
