//! The cache for the next build. Whatever fails here costs time in the next build and nothing else.

use baler_cnb::labels::{BuildpackLayers, CacheMetadata, Sha};

use super::pack::{PackResult, Packed};
use super::piece::{Piece, Role};
use super::plan::layer_metadata;
use super::{ExportInputs, LayerOutcome, LayerReport};
use crate::cache::{Cache, CacheUpdate, CachedBlob, CachedLayer};
use crate::error_text::chain;
use crate::layers_directory::LayerId;
use crate::log::Log;

/// Brings the cache up to date and reports its layers.
pub(crate) fn export_cache(
    inputs: &ExportInputs<'_>,
    cache: &dyn Cache,
    layers: Vec<(&Piece<'_>, PackResult)>,
    log: &dyn Log,
) -> Vec<LayerReport> {
    if !cache.exists() {
        log.info("Layer cache not found");
    }
    let mut export = CacheExport { cache, log, update: CacheUpdate::default(), reports: Vec::new() };
    let buildpack = |module: &baler_cnb::group::GroupElement| BuildpackLayers {
        key: module.id.clone(),
        version: module.version.clone(),
        ..BuildpackLayers::default()
    };
    export.update.metadata.buildpacks = inputs.group.group.iter().map(buildpack).collect();
    for (piece, result) in layers {
        export.add(piece, result);
    }
    let CacheExport { update, reports, .. } = export;
    if let Err(error) = cache.commit(update) {
        log.warn(&format!("Failed to export cache: {}", chain(&error)));
    }
    reports
}

struct CacheExport<'a> {
    cache: &'a dyn Cache,
    log: &'a dyn Log,
    update: CacheUpdate,
    reports: Vec<LayerReport>,
}

impl CacheExport<'_> {
    fn add(&mut self, piece: &Piece<'_>, result: PackResult) {
        let what = &piece.what;
        if piece.content.is_absent() {
            self.log.warn(&format!("Failed to cache layer '{what}' because it has no contents"));
            return;
        }
        let added = match result {
            Ok(Some(packed)) => self.add_packed(piece, packed).map_err(|error| chain(error.as_ref())),
            Ok(None) => return,
            Err(error) => Err(chain(&error)),
        };
        if let Err(cause) = added {
            self.log.warn(&format!("Failed to cache layer '{what}': {cause}"));
        }
    }

    fn add_packed(&mut self, piece: &Piece<'_>, mut packed: Packed) -> Result<(), Box<dyn std::error::Error>> {
        packed.commit_cache()?;
        let sha = packed.diff_id.to_string();
        let is_reused = remembered(self.cache.metadata(), &piece.role) == Some(&sha);
        let outcome = if is_reused { LayerOutcome::Reused } else { LayerOutcome::Added };
        let verb = if is_reused { "Reusing" } else { "Adding" };
        self.log.info(&format!("{verb} cache layer '{}'", piece.what));
        self.log.debug(&format!("Layer '{}' SHA: {sha}", piece.what));
        if let (Role::Buildpack(id), Some(manifest), Some(directory), Some(trees)) =
            (&piece.role, &packed.manifest, piece.content.directory(), self.cache.trees())
        {
            // Without its tree the layer is made from its blob.
            let layer = CachedLayer { id, diff_id: &packed.diff_id, tree: &directory.root, manifest };
            if let Err(error) = trees.put(&layer) {
                self.log.debug(&format!("Not keeping the tree of layer '{}': {}", piece.what, chain(&error)));
            }
        }
        let blob = CachedBlob { digest: packed.digest.clone(), size: packed.size, frame: packed.frame.clone() };
        self.update.blobs.insert(packed.diff_id.clone(), blob);
        self.remember(piece, sha);
        self.reports.push(LayerReport::of(&piece.what, &packed.diff_id, packed.size, outcome, Some(&packed)));
        Ok(())
    }

    fn remember(&mut self, piece: &Piece<'_>, sha: String) {
        let metadata = &mut self.update.metadata;
        match &piece.role {
            Role::Buildpack(LayerId { buildpack, layer }) => {
                if let Some(entry) = metadata.buildpacks.iter_mut().find(|entry| entry.key == *buildpack) {
                    entry.layers.insert(layer.clone(), layer_metadata(&piece.file, sha));
                }
            }
            Role::CacheSbom => metadata.sbom = Sha { sha },
            Role::LaunchSbom | Role::App | Role::Launcher | Role::Config | Role::ProcessTypes => {}
        }
    }
}

/// The diffID that the cache's metadata has for a role.
pub(crate) fn remembered<'a>(metadata: &'a CacheMetadata, role: &Role) -> Option<&'a String> {
    match role {
        Role::Buildpack(id) => {
            let buildpack = metadata.buildpacks.iter().find(|buildpack| buildpack.key == id.buildpack)?;
            buildpack.layers.get(&id.layer).map(|layer| &layer.sha)
        }
        Role::CacheSbom => Some(&metadata.sbom.sha),
        Role::LaunchSbom | Role::App | Role::Launcher | Role::Config | Role::ProcessTypes => None,
    }
}
