//! Which layers there are, in the order in which the image has them (lifecycle, "Layers, in order").

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use baler_cnb::features::PlatformFeatures;
use baler_cnb::layer::LayerFile;
use baler_layer::directory::{Ancestor, DirectoryLayer};
use baler_layer::slices::plan_slices;

use super::app_layers::{App, slices};
use super::gather::Gathered;
use super::piece::{Content, Piece, Role};
use super::{ExportError, ExportInputs};
use crate::files::FileError;
use crate::layers_directory::LayerOnDisk;
use crate::mounted::{MountedDirectory, Owner};

/// All pieces: those of the image first, in its order, then those that only the cache gets.
pub(crate) fn pieces<'a>(
    inputs: &ExportInputs<'a>,
    (gathered, app): (&Gathered<'_>, &App),
    features: PlatformFeatures,
    has_cache: bool,
) -> Result<Vec<Piece<'a>>, ExportError> {
    let (mut pieces, mut only_cached) = (Vec::new(), Vec::new());
    for (buildpack, directory) in &gathered.buildpacks {
        for layer in &directory.layers {
            if let Some(piece) = buildpack_layer(inputs, &buildpack.full_name(), layer, has_cache)? {
                if piece.in_image { &mut pieces } else { &mut only_cached }.push(piece);
            }
        }
    }
    if gathered.has_launch_sbom {
        let content = below_layers(inputs, "sbom/launch")?;
        pieces.push(own(Role::LaunchSbom, "launch.sbom", "Software Bill-of-Materials", content));
    }
    pieces.extend(app_layers(inputs, gathered, app)?);
    let launcher = Content::Launcher(inputs.launcher.bytes);
    pieces.push(own(Role::Launcher, "launcher", "Buildpacks Application Launcher", launcher));
    let config = below_layers(inputs, "config")?;
    pieces.push(own(Role::Config, "config", "Buildpacks Launcher Config", config));
    pieces.extend(process_types(gathered)?);
    pieces.append(&mut only_cached);
    if has_cache && gathered.has_cache_sbom && features.sbom_layers {
        let content = below_layers(inputs, "sbom/cache")?;
        let piece = own(Role::CacheSbom, "cache.sbom", "Software Bill-of-Materials", content);
        pieces.push(Piece { in_image: false, in_cache: true, ..piece });
    }
    Ok(pieces)
}

fn own<'a>(role: Role, name: &str, created_by: &str, content: Content<'a>) -> Piece<'a> {
    let (what, created_by) = (format!("buildpacksio/lifecycle:{name}"), created_by.to_owned());
    let (in_image, in_cache) = (true, false);
    Piece { role, what, created_by, file: LayerFile::default(), content, in_image, in_cache }
}

fn buildpack_layer<'a>(
    inputs: &ExportInputs<'_>,
    buildpack: &str,
    layer: &LayerOnDisk,
    has_cache: bool,
) -> Result<Option<Piece<'a>>, ExportError> {
    let Ok(file) = &layer.file else { return Ok(None) };
    let types = file.types();
    if types.launch && types.cache && !layer.has_contents {
        return Err(ExportError::CachedWithoutContents { id: layer.id.clone() });
    }
    let in_cache = types.cache && has_cache;
    if !types.launch && !in_cache {
        return Ok(None);
    }
    let content = if layer.has_contents {
        let place = inputs.layers.join(layer.id.path());
        Content::Directory(directory_layer(inputs.layers, &place, inputs.user.image)?)
    } else {
        Content::Absent
    };
    Ok(Some(Piece {
        role: Role::Buildpack(layer.id.clone()),
        what: layer.id.to_string(),
        created_by: format!("Layer: '{}', Created by buildpack: {buildpack}", layer.id.layer),
        file: file.clone(),
        content,
        in_image: types.launch,
        in_cache,
    }))
}

fn app_layers<'a>(
    inputs: &ExportInputs<'_>,
    gathered: &Gathered<'_>,
    app: &App,
) -> Result<Vec<Piece<'a>>, ExportError> {
    let contents: Vec<Content<'a>> = match app {
        App::Unchanged(layers) => layers.iter().cloned().map(Content::Known).collect(),
        App::Read(_) => {
            let directory = directory_layer(inputs.app, inputs.app, inputs.user.image)?;
            // Without slices too the order is that of slices.
            let layers = plan_slices(&directory, &slices(gathered)).map_err(ExportError::AppLayers)?;
            layers.into_iter().map(|slice| Content::Slice(slice, inputs.app.host.clone())).collect()
        }
    };
    let is_sliced = contents.len() > 1;
    let piece = |(index, content)| {
        let created_by =
            if is_sliced { format!("Application Slice: {}", index + 1) } else { "Application Layer".to_owned() };
        let what = if is_sliced { format!("slice-{}", index + 1) } else { "app".to_owned() };
        let (file, in_image, in_cache) = (LayerFile::default(), true, false);
        Piece { role: Role::App, what, created_by, file, content, in_image, in_cache }
    };
    Ok(contents.into_iter().enumerate().map(piece).collect())
}

fn process_types<'a>(gathered: &Gathered<'_>) -> Result<Option<Piece<'a>>, ExportError> {
    let mut types: Vec<String> =
        gathered.metadata.processes.iter().map(|process| process.process_type.clone()).collect();
    // One link for all processes of a type.
    let mut seen = std::collections::BTreeSet::new();
    types.retain(|process_type| seen.insert(process_type.clone()));
    let is_valid =
        |name: &str| !matches!(name, "" | "." | "..") && !name.contains(['/', '>', '<', ':', '|', '&', '\\', '\0']);
    if let Some(process_type) = types.iter().find(|name| !is_valid(name)) {
        return Err(ExportError::ProcessType { process_type: process_type.clone() });
    }
    let piece =
        || own(Role::ProcessTypes, "process-types", "Buildpacks Process Types", Content::ProcessTypes(types.clone()));
    Ok((!types.is_empty()).then(piece))
}

fn below_layers<'a>(inputs: &ExportInputs<'_>, path: &str) -> Result<Content<'a>, ExportError> {
    Ok(Content::Directory(directory_layer(inputs.layers, &inputs.layers.join(path), inputs.user.image)?))
}

/// The directory `place`, which is `root` or lies below it, as a layer.
///
/// Where a build has its directories mounted, those above belong to the build user as the ones that they stand for do,
/// and those above the mount to root. With a phase as a program of its own all is as on disk.
pub(crate) fn directory_layer(
    root: &MountedDirectory,
    place: &MountedDirectory,
    owner: Owner,
) -> Result<DirectoryLayer, ExportError> {
    let is_as_on_disk = root.host == root.image && root.mode.is_none();
    let mut ancestors = Vec::new();
    for ancestor in DirectoryLayer::ancestors_of(&place.image, 0o755, owner) {
        let on_disk = match ancestor.path.strip_prefix(&root.image) {
            Ok(below) => Some(root.host.join(below)),
            Err(_) if is_as_on_disk => Some(ancestor.path.clone()),
            Err(_) => None,
        };
        ancestors.push(match (on_disk, root.mode) {
            (Some(path), Some(mode)) if path == root.host => Ancestor { mode, ..ancestor },
            (Some(path), _) => ancestor_on_disk(ancestor, &path, is_as_on_disk)?,
            (None, _) => Ancestor { owner: Owner::ROOT, ..ancestor },
        });
    }
    let (path_in_image, mode) = (place.image.clone(), place.mode);
    Ok(DirectoryLayer { root: place.host.clone(), path_in_image, mode, owner, ancestors })
}

fn ancestor_on_disk(ancestor: Ancestor, path: &Path, is_as_on_disk: bool) -> Result<Ancestor, ExportError> {
    let metadata =
        fs_err::symlink_metadata(path).map_err(FileError::because("look at", path)).map_err(ExportError::File)?;
    let owner = if is_as_on_disk { Owner::new(metadata.uid(), metadata.gid()) } else { ancestor.owner };
    Ok(Ancestor { mode: metadata.mode() & 0o7777, owner, ..ancestor })
}
