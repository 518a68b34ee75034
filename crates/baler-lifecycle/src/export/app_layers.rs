//! The layers of an application that nobody touched between two builds are not read again.
//!
//! Who keeps the application's directory knows whether it has changed; everything else that the bytes of its layers depend
//! on is in the frame.

use baler_image::{Digest, Layer};
use baler_layer::slices::Slice;
use serde::{Deserialize, Serialize};

use super::content::frame;
use super::gather::Gathered;
use super::piece::Role;
use super::pieces::directory_layer;
use super::plan::{Measured, reusable};
use super::{ExportError, ExportInputs};

/// What is known of the application's directory, as the build has left it.
#[derive(Default)]
pub enum AppBefore {
    /// It will not be the same in the next build.
    #[default]
    Changing,
    /// The next build may have the same.
    Unknown,
    /// It is the same as when these layers were made of it.
    Known(AppLayers),
}

/// The layers that an application became.
#[derive(Debug, Serialize, Deserialize)]
pub struct AppLayers {
    /// What they depend on beside the directory.
    frame: String,
    diff_ids: Vec<Digest>,
}

/// The application of this export.
pub(crate) enum App {
    /// As it was: these are its layers, and the previous image has them.
    Unchanged(Vec<Layer>),
    /// To be read, and with this frame to be remembered.
    Read(Option<String>),
}

impl App {
    /// Decides whether it has to be read.
    pub(crate) fn look(inputs: &ExportInputs<'_>, gathered: &Gathered<'_>) -> Result<Self, ExportError> {
        let frame = match &inputs.app_before {
            AppBefore::Changing => return Ok(Self::Read(None)),
            AppBefore::Unknown | AppBefore::Known(_) => whole_frame(inputs, &slices(gathered))?,
        };
        let layer = |diff_id: &Digest| reusable(inputs.analysis, &Role::App, &diff_id.to_string()).cloned();
        match &inputs.app_before {
            AppBefore::Known(known) if known.frame == frame => {
                let layers: Option<Vec<Layer>> = known.diff_ids.iter().map(layer).collect();
                Ok(layers.map_or(Self::Read(Some(frame)), Self::Unchanged))
            }
            AppBefore::Known(_) | AppBefore::Unknown | AppBefore::Changing => Ok(Self::Read(Some(frame))),
        }
    }

    /// What the next export may know, where it does not know it yet.
    pub(crate) fn remember(self, measured: &[Measured]) -> Option<AppLayers> {
        let Self::Read(Some(frame)) = self else { return None };
        let app = measured.iter().filter(|layer| layer.role == Role::App);
        let diff_ids: Option<Vec<Digest>> = app.map(|layer| Some(layer.data.as_ref()?.0.clone())).collect();
        Some(AppLayers { frame, diff_ids: diff_ids? })
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
