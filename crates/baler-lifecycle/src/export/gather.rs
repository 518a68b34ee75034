//! What the build left: metadata.toml, the buildpacks' layers, SBOM files.

use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::GroupElement;
use baler_cnb::metadata::{LegacyBom, Metadata};

use super::{ExportError, ExportInputs};
use crate::files::FileError;
use crate::layers_directory::{self, BuildpackDirectory};

/// What is in the layers directory.
pub(crate) struct Gathered<'a> {
    pub(crate) metadata: Metadata,
    /// Platform API < 0.9: the bill of materials of launch layers.
    pub(crate) legacy_bom: Option<LegacyBom>,
    pub(crate) buildpacks: Vec<(&'a GroupElement, BuildpackDirectory)>,
    pub(crate) has_launch_sbom: bool,
    pub(crate) has_cache_sbom: bool,
}

/// Reads it all, and refuses layers whose `<layer>.toml` is malformed.
pub(crate) fn gather<'a>(inputs: &ExportInputs<'a>, features: PlatformFeatures) -> Result<Gathered<'a>, ExportError> {
    let layers = &inputs.layers.host;
    let path = layers.join("config/metadata.toml");
    let text =
        fs_err::read_to_string(&path).map_err(FileError::because("read", &path)).map_err(ExportError::ReadMetadata)?;
    let metadata = Metadata::from_toml(&text).map_err(|source| ExportError::Metadata { path, source })?;
    let read_bom = || LegacyBom::from_toml(&text).map_err(|source| ExportError::LegacyBom(Box::new(source)));
    let legacy_bom = if features.legacy_bom_files { None } else { Some(read_bom()?) };
    let mut buildpacks = Vec::new();
    for buildpack in &inputs.group.group {
        let directory = layers_directory::read(layers, buildpack).map_err(ExportError::LayersDirectory)?;
        buildpacks.push((buildpack, refuse_malformed(directory)?));
    }
    let has_sbom = |kind| features.sbom_layers && layers.join("sbom").join(kind).is_dir();
    let (has_launch_sbom, has_cache_sbom) = (has_sbom("launch"), has_sbom("cache"));
    Ok(Gathered { metadata, legacy_bom, buildpacks, has_launch_sbom, has_cache_sbom })
}

fn refuse_malformed(mut directory: BuildpackDirectory) -> Result<BuildpackDirectory, ExportError> {
    let (sound, malformed): (Vec<_>, Vec<_>) = directory.layers.into_iter().partition(|layer| layer.file.is_ok());
    directory.layers = sound;
    let ids = malformed.iter().map(|layer| layer.id.clone()).collect();
    match malformed.into_iter().find_map(|layer| layer.file.err()) {
        Some(source) => Err(ExportError::MalformedLayers { ids, source }),
        None => Ok(directory),
    }
}
