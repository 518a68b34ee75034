//! Packages: images that hold modules, by what their labels say (distribution specification, "Buildpackage").

use baler_cnb::labels::ModuleLayers;
use baler_image::{Digest, ImageName, Layer, ResolvedImage};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::package_image::PACKAGE_METADATA;
use super::{Content, Description, Module, ModuleKey, ModuleKind};

/// Why an image is no package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    #[error("'{name}' is no {kind} package: could not find label '{label}'")]
    NoLabel { name: ImageName, kind: ModuleKind, label: &'static str },
    #[error("package '{name}' has label '{label}' which could not be read")]
    BadLabel { name: ImageName, label: &'static str, source: serde_json::Error },
    #[error("package '{name}' has no layer {digest}, in which '{id}@{version}' should be")]
    NoLayer { name: ImageName, digest: String, id: String, version: String },
    #[error("package '{name}' holds '{id}@{version}', which cannot be the name of a directory")]
    BadName { name: ImageName, id: String, version: String },
    #[error("package '{name}' does not hold '{id}@{version}', which it says it is")]
    NoMain { name: ImageName, id: String, version: String },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    id: String,
    version: String,
}

/// The modules of a package, the one that it is called after first.
pub(super) fn modules(image: &ResolvedImage, kind: ModuleKind) -> Result<Vec<Module>, PackageError> {
    let main: Metadata = label(image, kind, PACKAGE_METADATA)?;
    let layers: ModuleLayers = label(image, kind, kind.layers_label())?;
    let key: ModuleKey = (main.id, main.version);
    let mut modules = Vec::new();
    for (id, versions) in &layers {
        for (version, layer) in versions {
            let description = Description::from_label(id, version, layer);
            if !description.is_nameable() {
                let (name, id, version) = (image.name().clone(), id.clone(), version.clone());
                return Err(PackageError::BadName { name, id, version });
            }
            let content = Content::Layer(find_layer(image, &layer.layer_diff_id, &description)?);
            modules.push(Module { kind, description, content });
        }
    }
    let position = modules.iter().position(|module| module.key() == key);
    let (id, version) = key;
    let position = position.ok_or_else(|| PackageError::NoMain { name: image.name().clone(), id, version })?;
    modules[..=position].rotate_right(1);
    Ok(modules)
}

fn find_layer(image: &ResolvedImage, diff_id: &str, description: &Description) -> Result<Layer, PackageError> {
    let wanted: Option<Digest> = diff_id.parse().ok();
    let layer = image.layers().iter().find(|layer| Some(&layer.diff_id) == wanted.as_ref());
    layer.cloned().ok_or_else(|| {
        let (id, version) = description.key();
        PackageError::NoLayer { name: image.name().clone(), digest: diff_id.to_owned(), id, version }
    })
}

fn label<T: DeserializeOwned>(image: &ResolvedImage, kind: ModuleKind, label: &'static str) -> Result<T, PackageError> {
    let name = || image.name().clone();
    let text = image.config().label(label).ok_or_else(|| PackageError::NoLabel { name: name(), kind, label })?;
    serde_json::from_str(text).map_err(|source| PackageError::BadLabel { name: name(), label, source })
}
