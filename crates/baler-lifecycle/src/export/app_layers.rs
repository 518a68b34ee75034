//! The layers of an application that nobody touched between two builds are not read again.
//!
//! As with layers in the cache, a stat manifest says whether the application's directory is still what it was when its layers
//! were made. Everything else that their bytes depend on is in the frame.

use std::io;
use std::path::Path;

use baler_image::{Digest, Layer};
use baler_layer::slices::Slice;
use baler_layer::stat_manifest::{Comparison, StatManifest, StatManifestError};
use serde::{Deserialize, Serialize};

use super::content::frame;
use super::gather::Gathered;
use super::piece::Role;
use super::pieces::directory_layer;
use super::plan::{Measured, reusable};
use super::{ExportError, ExportInputs};

const MANIFEST: &str = "manifest";
const DESCRIPTION: &str = "layers.json";

/// What is known of the application from the export before.
#[derive(Default)]
pub enum AppBefore {
    /// Its directory is not kept, and nothing has to be known of it.
    #[default]
    NotKept,
    /// Its directory will be kept.
    Unknown,
    /// Its directory was kept; whether it has changed is to be seen.
    Known(AppLayers),
}

/// The application as an export has seen it, and the layers that it became.
#[derive(Debug)]
pub struct AppLayers {
    manifest: StatManifest,
    description: Description,
}

/// All but the manifest.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    /// What the layers depend on beside the directory.
    frame: String,
    diff_ids: Vec<Digest>,
}

/// What is remembered could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AppLayersError {
    #[error("could not use the manifest of the application")]
    Manifest(#[from] StatManifestError),
    #[error("could not use what is known of the application's layers")]
    Description(#[source] io::Error),
}

impl AppLayers {
    /// Reads what [`Self::write_to`] wrote.
    pub fn read_from(directory: &Path) -> Result<Self, AppLayersError> {
        let bytes = fs_err::read(directory.join(DESCRIPTION)).map_err(AppLayersError::Description)?;
        let description = serde_json::from_slice(&bytes).map_err(io::Error::other);
        let description = description.map_err(AppLayersError::Description)?;
        Ok(Self { manifest: StatManifest::read_from(&directory.join(MANIFEST))?, description })
    }

    /// Writes it into a directory, which is made if it is not there.
    pub fn write_to(&self, directory: &Path) -> Result<(), AppLayersError> {
        let description = directory.join(DESCRIPTION);
        let write = || {
            fs_err::create_dir_all(directory)?;
            // It is missing until the manifest that belongs to it is there.
            match fs_err::remove_file(&description) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            }
        };
        write().map_err(AppLayersError::Description)?;
        self.manifest.write_to(&directory.join(MANIFEST))?;
        let bytes = serde_json::to_vec(&self.description).map_err(io::Error::other);
        bytes.and_then(|bytes| fs_err::write(&description, bytes)).map_err(AppLayersError::Description)
    }
}

/// The application of this export.
pub(crate) enum App {
    /// As it was: these are its layers, and the previous image has them.
    Unchanged(Vec<Layer>),
    /// To be read; remembered afterwards where there is a manifest, which was taken before.
    Read { manifest: Option<StatManifest>, frame: String },
}

impl App {
    /// Looks at the directory, and at no file in it.
    pub(crate) fn look(inputs: &ExportInputs<'_>, gathered: &Gathered<'_>) -> Result<Self, ExportError> {
        let frame = match &inputs.app_before {
            AppBefore::NotKept => return Ok(Self::Read { manifest: None, frame: String::new() }),
            AppBefore::Unknown | AppBefore::Known(_) => whole_frame(inputs, &slices(gathered))?,
        };
        if let AppBefore::Known(AppLayers { manifest, description }) = &inputs.app_before {
            let layer = |diff_id: &Digest| reusable(inputs.analysis, &Role::App, &diff_id.to_string()).cloned();
            if description.frame == frame
                && let Some(layers) = description.diff_ids.iter().map(layer).collect()
                && matches!(manifest.compare(&inputs.app.host), Ok(Comparison::Unchanged))
            {
                return Ok(Self::Unchanged(layers));
            }
        }
        // Without one everything is read the next time, too.
        Ok(Self::Read { manifest: StatManifest::take(&inputs.app.host).ok(), frame })
    }

    /// What the next export may know, where it does not know it yet.
    pub(crate) fn remember(self, measured: &[Measured]) -> Option<AppLayers> {
        let Self::Read { manifest: Some(manifest), frame } = self else { return None };
        let app = measured.iter().filter(|layer| layer.role == Role::App);
        let diff_ids: Option<Vec<Digest>> = app.map(|layer| Some(layer.data.as_ref()?.0.clone())).collect();
        Some(AppLayers { manifest, description: Description { frame, diff_ids: diff_ids? } })
    }
}

/// The slices that the buildpacks want.
pub(crate) fn slices(gathered: &Gathered<'_>) -> Vec<Slice> {
    gathered.metadata.slices.iter().map(|slice| Slice { paths: slice.paths.clone() }).collect()
}

fn whole_frame(inputs: &ExportInputs<'_>, slices: &[Slice]) -> Result<String, ExportError> {
    let directory = directory_layer(inputs.app, inputs.app, inputs.user.image)?;
    let paths: Vec<_> = slices.iter().map(|slice| &slice.paths).collect();
    Ok(format!("{}\nmode {:?}\nslices {paths:?}", frame(&directory), directory.mode))
}
