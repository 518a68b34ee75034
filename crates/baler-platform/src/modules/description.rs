//! buildpack.toml and extension.toml: what a module says of itself, checked (platform-behaviour 3.4).

use std::path::{Path, PathBuf};

use baler_cnb::buildpack::{BuildpackDescriptor, ExtensionDescriptor, ModuleInfo, Stack, Target, escape_id};
use baler_cnb::labels::ModuleLayer;
use baler_cnb::order::Group;

use super::{ModuleKey, ModuleKind};

/// The Buildpack API of a module that names none.
const ASSUMED_API: &str = "0.1";

/// What a module says of itself, or what the label of its package says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    pub api: String,
    pub info: ModuleInfo,
    pub targets: Vec<Target>,
    pub stacks: Vec<Stack>,
    /// The order of a composite buildpack.
    pub order: Vec<Group>,
}

/// Why a descriptor cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    #[error("{} has no {}", path.display(), kind.descriptor())]
    Absent { path: PathBuf, kind: ModuleKind },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("could not parse {}", path.display())]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{}: {problem}", path.display())]
    Invalid { path: PathBuf, problem: String },
}

impl Description {
    /// Reads the descriptor in the module's directory.
    pub fn read(kind: ModuleKind, directory: &Path) -> Result<Self, DescriptionError> {
        let file = directory.join(kind.descriptor());
        match fs_err::read_to_string(&file) {
            Ok(text) => Self::parse(kind, file, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(DescriptionError::Absent { path: directory.to_owned(), kind })
            }
            Err(source) => Err(DescriptionError::Read { path: file, source }),
        }
    }

    /// Reads the text of the descriptor `path`, which is only for messages.
    pub fn parse(kind: ModuleKind, path: PathBuf, text: &str) -> Result<Self, DescriptionError> {
        let parsed = match kind {
            ModuleKind::Buildpack => toml::from_str::<BuildpackDescriptor>(text).map(Self::from),
            ModuleKind::Extension => toml::from_str::<ExtensionDescriptor>(text).map(Self::from),
        };
        let mut description =
            parsed.map_err(|source| DescriptionError::Parse { path: path.clone(), source: Box::new(source) })?;
        if description.api.is_empty() {
            ASSUMED_API.clone_into(&mut description.api);
        }
        match description.problem(kind) {
            Some(problem) => Err(DescriptionError::Invalid { path, problem }),
            None => Ok(description),
        }
    }

    fn problem(&self, kind: ModuleKind) -> Option<String> {
        for (name, value) in [("id", &self.info.id), ("version", &self.info.version)] {
            if value.is_empty() {
                return Some(format!("'{kind}.{name}' is required"));
            }
        }
        let is_component = !self.targets.is_empty() || !self.stacks.is_empty();
        if is_component && !self.order.is_empty() {
            let name = self.info.full_name();
            return Some(format!("buildpack '{name}': cannot have both 'targets'/'stacks' and an 'order' defined"));
        }
        (!self.is_nameable()).then(|| format!("'{kind}.id' and '{kind}.version' must be usable as directory names"))
    }

    /// Whether id and version can be directories of a builder.
    pub(super) fn is_nameable(&self) -> bool {
        let parts = [escape_id(&self.info.id), self.info.version.clone()];
        parts.iter().all(|part| !["", ".", ".."].contains(&part.as_str()) && !part.contains(['/', '\0']))
    }

    /// What the label of a package or a builder says of a module.
    pub fn from_label(id: &str, version: &str, layer: &ModuleLayer) -> Self {
        let info = ModuleInfo {
            id: id.to_owned(),
            version: version.to_owned(),
            homepage: layer.homepage.clone(),
            name: layer.name.clone(),
            ..ModuleInfo::default()
        };
        let ModuleLayer { api, stacks, targets, order, .. } = layer.clone();
        Self { api, info, targets, stacks, order }
    }

    /// The same as an entry of a label.
    pub fn to_label(&self, diff_id: &str) -> ModuleLayer {
        ModuleLayer {
            api: self.api.clone(),
            stacks: self.stacks.clone(),
            targets: self.targets.clone(),
            order: self.order.clone(),
            layer_diff_id: diff_id.to_owned(),
            homepage: self.info.homepage.clone(),
            name: self.info.name.clone(),
        }
    }

    /// Id and version.
    pub fn key(&self) -> ModuleKey {
        (self.info.id.clone(), self.info.version.clone())
    }
}

impl From<BuildpackDescriptor> for Description {
    fn from(descriptor: BuildpackDescriptor) -> Self {
        let BuildpackDescriptor { api, buildpack, targets, stacks, order, .. } = descriptor;
        Self { api, info: buildpack, targets, stacks, order }
    }
}

impl From<ExtensionDescriptor> for Description {
    fn from(descriptor: ExtensionDescriptor) -> Self {
        let ExtensionDescriptor { api, extension, targets, .. } = descriptor;
        Self { api, info: extension, targets, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: ModuleKind, text: &str) -> String {
        Description::parse(kind, "x.toml".into(), text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("[buildpack]\nversion = \"1\"\n", "x.toml: 'buildpack.id' is required"),
            ("[buildpack]\nid = \"a\"\n", "x.toml: 'buildpack.version' is required"),
            ("[buildpack]\nid = \"..\"\nversion = \"1\"\n", "must be usable as directory names"),
            ("[buildpack]\nid = \"a\"\nversion = \"../1\"\n", "must be usable as directory names"),
            (
                "[buildpack]\nid = \"a\"\nversion = \"1\"\n[[stacks]]\nid = \"*\"\n[[order]]\n",
                "buildpack 'a@1': cannot have both 'targets'/'stacks' and an 'order' defined",
            ),
        ];
        for (text, expected) in cases {
            let found = problem(ModuleKind::Buildpack, text);
            assert!(found.contains(expected), "{found}");
        }
        assert_eq!(problem(ModuleKind::Extension, ""), "x.toml: 'extension.id' is required");
    }

    #[test]
    fn an_extension_is_described_alike() {
        let text = "api = \"0.12\"\n[extension]\nid = \"x\"\nversion = \"1\"\n[[targets]]\nos = \"linux\"\n";
        let description = Description::parse(ModuleKind::Extension, "x".into(), text).unwrap();
        assert_eq!(description.info.full_name(), "x@1");
        assert_eq!(description.targets[0].os, "linux");
        let label = description.to_label("sha256:1");
        assert_eq!(Description::from_label("x", "1", &label), description);
    }
}
