//! Packages: images that hold modules, by what their labels say (distribution specification, "Buildpackage").

use baler_cnb::labels::ModuleLayers;
use baler_image::{Digest, Layer, ResolvedImage};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::package_image::PACKAGE_METADATA;
use super::{Content, Description, Module, ModuleKey, ModuleKind};

/// Why an image is no package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    #[error("'{name}' is no {kind} package: could not find label '{label}'")]
    NoLabel { name: String, kind: ModuleKind, label: &'static str },
    #[error("package '{name}' has label '{label}' which could not be read")]
    BadLabel { name: String, label: &'static str, source: serde_json::Error },
    #[error("package '{name}' has no layer {digest}, in which '{id}@{version}' should be")]
    NoLayer { name: String, digest: String, id: String, version: String },
    #[error("package '{name}' holds '{id}@{version}', which cannot be the name of a directory")]
    BadName { name: String, id: String, version: String },
    #[error("package '{name}' does not hold '{id}@{version}', which it says it is")]
    NoMain { name: String, id: String, version: String },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    id: String,
    version: String,
}

/// A package, by the name that messages give it.
pub(super) struct Package<'a> {
    pub(super) image: &'a ResolvedImage,
    pub(super) name: &'a str,
}

/// The modules of a package, the one that it is called after first.
pub(super) fn modules(package: &Package<'_>, kind: ModuleKind) -> Result<Vec<Module>, PackageError> {
    let main: Metadata = label(package, kind, PACKAGE_METADATA)?;
    let layers: ModuleLayers = label(package, kind, kind.layers_label())?;
    let key: ModuleKey = (main.id, main.version);
    let mut modules = Vec::new();
    for (id, versions) in &layers {
        for (version, layer) in versions {
            let description = Description::from_label(id, version, layer);
            if !description.is_nameable() {
                let (name, id, version) = (package.name.to_owned(), id.clone(), version.clone());
                return Err(PackageError::BadName { name, id, version });
            }
            let content = Content::Layer(find_layer(package, &layer.layer_diff_id, &description)?);
            modules.push(Module { kind, description, content });
        }
    }
    let position = modules.iter().position(|module| module.key() == key);
    let (id, version) = key;
    let position = position.ok_or_else(|| PackageError::NoMain { name: package.name.to_owned(), id, version })?;
    modules[..=position].rotate_right(1);
    Ok(modules)
}

fn find_layer(package: &Package<'_>, diff_id: &str, description: &Description) -> Result<Layer, PackageError> {
    let wanted: Option<Digest> = diff_id.parse().ok();
    let layer = package.image.layers().iter().find(|layer| Some(&layer.diff_id) == wanted.as_ref());
    layer.cloned().ok_or_else(|| {
        let (id, version) = description.key();
        PackageError::NoLayer { name: package.name.to_owned(), digest: diff_id.to_owned(), id, version }
    })
}

fn label<T: DeserializeOwned>(package: &Package<'_>, kind: ModuleKind, label: &'static str) -> Result<T, PackageError> {
    let name = || package.name.to_owned();
    let text =
        package.image.config().label(label).ok_or_else(|| PackageError::NoLabel { name: name(), kind, label })?;
    serde_json::from_str(text).map_err(|source| PackageError::BadLabel { name: name(), label, source })
}
