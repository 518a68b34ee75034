//! Whether what is put together fits: APIs, targets, and the parts of composites (platform-behaviour 4.5, "Validation").

use baler_cnb::buildpack::Target;
use baler_cnb::labels::{BASE_DISTRO_NAME, BASE_DISTRO_VERSION, LifecycleDescription};
use baler_image::ResolvedImage;

use super::lifecycle::order_of;
use crate::modules::{Module, ModuleKind, Modules};

/// Why a builder would not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    #[error(
        "{kind} '{name}' (Buildpack API {api}) is incompatible with lifecycle '{lifecycle}' (Buildpack API(s) {has})"
    )]
    Api { kind: ModuleKind, name: String, api: String, lifecycle: String, has: String },
    #[error("buildpack '{name}' not found on the builder, but buildpack '{composite}' has it in its order")]
    Part { name: String, composite: String },
    #[error("unable to satisfy target os/arch constraints; build image: {image}, {kind} '{name}': [{targets}]")]
    Target { image: String, kind: ModuleKind, name: String, targets: String },
    #[error("extensions are not supported by lifecycle '{lifecycle}': it has no Platform API from 0.13 on")]
    Extensions { lifecycle: String },
}

/// Checks all modules.
pub(super) fn check(
    image: &ResolvedImage,
    lifecycle: &LifecycleDescription,
    buildpacks: &Modules,
    extensions: &Modules,
) -> Result<(), CheckError> {
    let apis = &lifecycle.apis.buildpack;
    for module in buildpacks.values().chain(extensions.values()) {
        let api = &module.description.api;
        if !apis.supported.iter().chain(&apis.deprecated).any(|has| order_of(has) == order_of(api)) {
            return Err(CheckError::Api {
                kind: module.kind,
                name: module.description.info.full_name(),
                api: api.clone(),
                lifecycle: lifecycle.version.clone(),
                has: apis.supported.join(", "),
            });
        }
        check_target(image, module)?;
    }
    let elements = |module: &'_ Module| -> Vec<(String, String, String)> {
        let composite = module.description.info.full_name();
        let groups = module.description.order.iter().flat_map(|group| group.group.clone());
        groups.map(|element| (element.id, element.version, composite.clone())).collect()
    };
    for (id, version, composite) in buildpacks.values().flat_map(elements) {
        if !buildpacks.contains_key(&(id.clone(), version.clone())) && !version.is_empty() {
            return Err(CheckError::Part { name: format!("{id}@{version}"), composite });
        }
    }
    let knows_extensions = lifecycle.apis.platform.supported.iter().any(|api| order_of(api) >= (0, 13));
    if !extensions.is_empty() && !knows_extensions {
        return Err(CheckError::Extensions { lifecycle: lifecycle.version.clone() });
    }
    Ok(())
}

fn check_target(image: &ResolvedImage, module: &Module) -> Result<(), CheckError> {
    let targets = &module.description.targets;
    if targets.is_empty() || targets.iter().any(|target| fits(image, target)) {
        return Ok(());
    }
    let describe = |target: &Target| {
        let distros = target.distros.iter().map(|distro| format!(" {}@{}", distro.name, distro.version));
        format!("{}/{}{}", target.os, target.arch, distros.collect::<String>())
    };
    Err(CheckError::Target {
        image: image.platform().to_string(),
        kind: module.kind,
        name: module.description.info.full_name(),
        targets: targets.iter().map(describe).collect::<Vec<_>>().join(", "),
    })
}

/// An empty field fits anything.
fn fits(image: &ResolvedImage, target: &Target) -> bool {
    let fits = |has: &str, wanted: &str| wanted.is_empty() || wanted == "*" || has == wanted;
    let label = |name| image.config().label(name).unwrap_or_default();
    let (name, version) = (label(BASE_DISTRO_NAME), label(BASE_DISTRO_VERSION));
    fits(&image.platform().os, &target.os)
        && fits(&image.platform().architecture, &target.arch)
        && (target.distros.is_empty()
            || name.is_empty()
            || target.distros.iter().any(|distro| fits(name, &distro.name) && fits(version, &distro.version)))
}
