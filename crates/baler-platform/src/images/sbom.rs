//! The software bills of materials of an app image: `/layers/sbom` of the layer that its metadata names.

use std::path::{Path, PathBuf};

use baler_cnb::labels::{LIFECYCLE_METADATA, LifecycleMetadata};
use baler_image::{ImageName, Platform, SourceError, Wanted};
use baler_lifecycle::extract::{ExtractError, Extraction, extract_from};

use crate::context::Context;
use crate::places::{Asked, LocateError, Needed, Search, locate};

/// Where the files are, in the image and below the directory that they are written to.
const PATH: &str = "layers/sbom";

/// Why the bills of materials could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SbomError {
    #[error("{0}")]
    Locate(#[from] LocateError),
    #[error("could not find SBoM information on '{name}'")]
    None { name: ImageName },
    #[error("label {label} of image '{name}' is not valid")]
    Label { name: ImageName, label: &'static str, source: serde_json::Error },
    #[error("image '{name}' has no layer {diff_id}, which its metadata names as that with the bills of materials")]
    NoLayer { name: ImageName, diff_id: String },
    #[error("could not read the bills of materials of '{name}'")]
    Read { name: ImageName, source: SourceError },
    #[error("could not make the directory {}", path.display())]
    Directory { path: PathBuf, source: std::io::Error },
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    #[error("{0}")]
    Extract(#[from] ExtractError),
}

/// Writes the files below `directory` and returns where they are: whole, or not at all.
pub fn download_sbom(
    context: &Context<'_>,
    name: &ImageName,
    search: Search,
    directory: &Path,
) -> Result<PathBuf, SbomError> {
    let wanted = Wanted::Preferably(Platform::host());
    let located = locate(context, &Asked { role: "image", name, wanted: &wanted, search, needed: Needed::Documents })?;
    let image = &located.image;
    let text = image.config().label(LIFECYCLE_METADATA).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| SbomError::None { name: name.clone() })?;
    let metadata: LifecycleMetadata = serde_json::from_str(text).map_err(|source| SbomError::Label {
        name: name.clone(),
        label: LIFECYCLE_METADATA,
        source,
    })?;
    let diff_id = metadata.sbom.map(|sbom| sbom.sha).filter(|sha| !sha.is_empty());
    let diff_id = diff_id.ok_or_else(|| SbomError::None { name: name.clone() })?;
    let layer = image.layers().iter().find(|layer| layer.diff_id.to_string() == diff_id);
    let layer = layer.ok_or_else(|| SbomError::NoLayer { name: name.clone(), diff_id })?;

    let target = directory.join(PATH);
    if target.exists() {
        return Err(SbomError::Exists(target));
    }
    let parent = target.parent().unwrap_or(directory);
    fs_err::create_dir_all(parent).map_err(|source| SbomError::Directory { path: parent.to_owned(), source })?;
    let path_in_image = Path::new("/").join(PATH);
    let extraction = Extraction {
        diff_id: &layer.diff_id,
        path_in_image: &path_in_image,
        target: &target,
        scratch: directory,
        owner: None,
    };
    let open = || {
        let reader = located.source(context.store).blob(&layer.descriptor);
        reader.map_err(|source| SbomError::Read { name: name.clone(), source })
    };
    extract_from(open, &extraction)??;
    Ok(target)
}
