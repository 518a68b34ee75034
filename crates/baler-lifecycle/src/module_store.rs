//! Where buildpacks and extensions lie: `<buildpacks>/<id>/<version>`, `<extensions>/<id>/<version>`.
//!
//! Platform specification, "Buildpacks Directory Layout". Refuses ids and versions that would lead elsewhere, and ids
//! that the layers directory needs for itself.

use std::fmt;
use std::path::{Path, PathBuf};

use baler_cnb::api::{ApiVersion, BuildpackApi, BuildpackApiError, InvalidApiVersion};
use baler_cnb::buildpack::{BuildpackDescriptor, ExtensionDescriptor, ModuleInfo, Stack, Target, escape_id};
use baler_cnb::features::BuildpackFeatures;
use baler_cnb::order::Group;

use crate::target::inferred_targets;
use crate::toml_file::{ReadTomlError, read_toml};

/// The directories that modules lie in.
#[derive(Clone, Debug)]
pub struct ModuleStore {
    /// Of buildpacks.
    pub buildpacks: PathBuf,
    /// Of extensions.
    pub extensions: PathBuf,
}

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModuleKind {
    Buildpack,
    Extension,
}

/// A module and what its descriptor says.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    pub kind: ModuleKind,
    /// Where it lies; `CNB_BUILDPACK_DIR` or `CNB_EXTENSION_DIR`.
    pub directory: PathBuf,
    /// The text of its API, which may be one that is not known.
    pub api: String,
    pub info: ModuleInfo,
    /// Of a composite buildpack.
    pub order: Vec<Group>,
    /// Its own, or those inferred for it.
    pub targets: Vec<Target>,
}

/// Why a module could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    #[error("there is no {kind} {id}@{version}: {} does not exist", path.display())]
    Missing { kind: ModuleKind, id: String, version: String, path: PathBuf },
    #[error("could not read the {kind} {id}@{version}")]
    Descriptor { kind: ModuleKind, id: String, version: String, source: ReadTomlError },
    #[error("{text:?} cannot be the {part} of a {kind}")]
    InvalidName { kind: ModuleKind, part: &'static str, text: String },
}

/// A module whose Buildpack API is not known; its name is `id@version`.
#[derive(Debug, thiserror::Error)]
pub enum ModuleApiError {
    // Platforms look for this text.
    #[error("parse {kind} API '{}' for {kind} '{name}'", if text.trim().is_empty() { "<nil>" } else { text })]
    Invalid { kind: ModuleKind, name: String, text: String, source: InvalidApiVersion },
    #[error("set API for {kind} '{name}'")]
    Unsupported { kind: ModuleKind, name: String, source: BuildpackApiError },
}

impl fmt::Display for ModuleKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Buildpack => "buildpack",
            Self::Extension => "extension",
        })
    }
}

/// Ids that no module can have: they are names of files of the lifecycle in the layers directory.
pub const RESERVED_IDS: [&str; 4] = ["app", "config", "generated", "sbom"];

impl ModuleStore {
    /// Reads the descriptor of a module.
    pub fn find(&self, kind: ModuleKind, id: &str, version: &str) -> Result<Module, ModuleError> {
        check_name(kind, id, version)?;
        let (store, file) = match kind {
            ModuleKind::Buildpack => (&self.buildpacks, "buildpack.toml"),
            ModuleKind::Extension => (&self.extensions, "extension.toml"),
        };
        let directory = store.join(escape_id(id)).join(version);
        let path = directory.join(file);
        let module = match kind {
            ModuleKind::Buildpack => read_toml(&path).map(|descriptor| Module::of_buildpack(descriptor, directory)),
            ModuleKind::Extension => read_toml(&path).map(|descriptor| Module::of_extension(descriptor, directory)),
        };
        let (id, version) = (id.to_owned(), version.to_owned());
        module.map_err(|source| {
            if source.is_missing() {
                ModuleError::Missing { kind, id, version, path }
            } else {
                ModuleError::Descriptor { kind, id, version, source }
            }
        })
    }
}

fn check_name(kind: ModuleKind, id: &str, version: &str) -> Result<(), ModuleError> {
    let is_path_part = |text: &str| !matches!(text, "" | "." | "..") && !text.contains(['/', '\0']);
    if !is_path_part(&escape_id(id)) || RESERVED_IDS.contains(&id) {
        return Err(ModuleError::InvalidName { kind, part: "id", text: id.to_owned() });
    }
    if !is_path_part(version) {
        return Err(ModuleError::InvalidName { kind, part: "version", text: version.to_owned() });
    }
    Ok(())
}

/// The API `text` of the module `name`, if it is supported.
pub fn supported_api(kind: ModuleKind, name: &str, text: &str) -> Result<BuildpackApi, ModuleApiError> {
    let name = name.to_owned();
    text.parse().map_err(|error| match error {
        BuildpackApiError::Invalid { text, source } => ModuleApiError::Invalid { kind, name, text, source },
        source @ BuildpackApiError::Unsupported(_) => ModuleApiError::Unsupported { kind, name, source },
    })
}

impl Module {
    fn of_buildpack(descriptor: BuildpackDescriptor, directory: PathBuf) -> Self {
        let BuildpackDescriptor { api, buildpack, targets, stacks, order, .. } = descriptor;
        let has_program = order.is_empty() && is_file(&directory.join("bin/build"));
        let targets = or_inferred(targets, &stacks, &api, has_program);
        Self { kind: ModuleKind::Buildpack, directory, api, info: buildpack, order, targets }
    }

    fn of_extension(descriptor: ExtensionDescriptor, directory: PathBuf) -> Self {
        let ExtensionDescriptor { api, extension, targets, .. } = descriptor;
        let has_program = ["bin/detect", "bin/generate"].iter().any(|program| is_file(&directory.join(program)));
        let targets = if targets.is_empty() && !has_program { vec![Target::default()] } else { targets };
        let targets = or_inferred(targets, &[], &api, has_program);
        Self { kind: ModuleKind::Extension, directory, api, info: extension, order: Vec::new(), targets }
    }

    /// Its API, if it is supported.
    pub fn supported_api(&self) -> Result<BuildpackApi, ModuleApiError> {
        supported_api(self.kind, &self.info.full_name(), &self.api)
    }

    /// What its API has, if it is supported.
    pub fn features(&self) -> Result<BuildpackFeatures, ModuleApiError> {
        self.supported_api().map(BuildpackFeatures::for_api)
    }
}

fn or_inferred(targets: Vec<Target>, stacks: &[Stack], api: &str, has_program: bool) -> Vec<Target> {
    if !targets.is_empty() {
        return targets;
    }
    let has_targets_api = api.parse().is_ok_and(|api: ApiVersion| api >= ApiVersion::new(0, 10));
    inferred_targets(stacks, has_targets_api, has_program)
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fs_err as fs;

    fn store(files: &[(&str, &str)]) -> (tempfile::TempDir, ModuleStore) {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let store = ModuleStore {
            buildpacks: directory.path().join("buildpacks"),
            extensions: directory.path().join("extensions"),
        };
        (directory, store)
    }

    #[test]
    fn modules_are_found_by_id_and_version() {
        let buildpack = "api = \"0.10\"\n[buildpack]\nid = \"a/b\"\nversion = \"1\"\n";
        let extension = "api = \"0.11\"\n[extension]\nid = \"x\"\nversion = \"2\"\n";
        let (directory, store) = store(&[
            ("buildpacks/a_b/1/buildpack.toml", buildpack),
            ("buildpacks/a_b/1/bin/build", ""),
            ("extensions/x/2/extension.toml", extension),
        ]);
        let module = store.find(ModuleKind::Buildpack, "a/b", "1").unwrap();
        assert_eq!(module.directory, directory.path().join("buildpacks/a_b/1"));
        assert_eq!(module.info.full_name(), "a/b@1");
        assert_eq!(module.targets[0].os, "linux");
        assert!(module.features().unwrap().targets);
        let module = store.find(ModuleKind::Extension, "x", "2").unwrap();
        assert_eq!(module.targets, [Target::default()]);
    }

    #[test]
    fn missing_and_broken_modules_are_named() {
        let (_directory, store) = store(&[("buildpacks/a/1/buildpack.toml", "api = \n")]);
        let error = store.find(ModuleKind::Buildpack, "a", "2").unwrap_err().to_string();
        assert!(error.starts_with("there is no buildpack a@2: ") && error.contains("/a/2/buildpack.toml"), "{error}");
        let error = store.find(ModuleKind::Buildpack, "a", "1").unwrap_err();
        assert!(matches!(error, ModuleError::Descriptor { .. }), "{error}");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let (_directory, store) = store(&[]);
        for (id, version) in [("..", "1"), ("", "1"), ("a", "../1"), ("a", ""), ("sbom", "1"), ("config", "1")] {
            let error = store.find(ModuleKind::Buildpack, id, version).unwrap_err();
            assert!(matches!(error, ModuleError::InvalidName { .. }), "{id} {version}: {error}");
        }
    }

    #[test]
    fn an_unknown_api_is_named() {
        let error = supported_api(ModuleKind::Buildpack, "a@1", "0.99").unwrap_err();
        assert_eq!(error.to_string(), "set API for buildpack 'a@1'");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "buildpack API version '0.99' is incompatible with the lifecycle");
        let error = supported_api(ModuleKind::Buildpack, "a@1", "").unwrap_err();
        assert_eq!(error.to_string(), "parse buildpack API '<nil>' for buildpack 'a@1'");
    }
}
