//! Buildpacks from directories: what they say of themselves, and whether it is what was expected.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baler_cnb::buildpack::{BuildpackDescriptor, escape_id};

use super::config::ModuleSource;

/// A buildpack in a directory of the host.
#[derive(Clone, Debug)]
pub struct Module {
    pub directory: PathBuf,
    pub descriptor: BuildpackDescriptor,
}

/// Modules by id and version; of equal ones the last counts.
pub type Modules = BTreeMap<(String, String), Module>;

/// Why a buildpack cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    #[error("buildpack '{uri}' is not a directory")]
    NotADirectory { uri: String, path: PathBuf },
    #[error("{} has no buildpack.toml", path.display())]
    NoDescriptor { path: PathBuf },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("could not parse {}", path.display())]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{}: {problem}", path.display())]
    Invalid { path: PathBuf, problem: &'static str },
    #[error("{} is not executable", path.display())]
    NotExecutable { path: PathBuf },
    #[error(
        "invalid buildpack: buildpack from URI '{uri}' has {what} '{has}' which does not match {what} '{expected}' from builder config"
    )]
    Mismatch { uri: String, what: &'static str, has: String, expected: String },
}

impl Module {
    /// Reads the buildpack in `directory`.
    pub fn read(directory: &Path) -> Result<Self, ModuleError> {
        let path = directory.join("buildpack.toml");
        let text = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ModuleError::NoDescriptor { path: directory.to_owned() });
            }
            Err(source) => return Err(ModuleError::Read { path, source }),
        };
        let descriptor: BuildpackDescriptor = toml::from_str(&text)
            .map_err(|source| ModuleError::Parse { path: path.clone(), source: Box::new(source) })?;
        let invalid = |problem| ModuleError::Invalid { path: path.clone(), problem };
        if descriptor.buildpack.id.is_empty() {
            return Err(invalid("'buildpack.id' is required"));
        }
        if descriptor.buildpack.version.is_empty() {
            return Err(invalid("'buildpack.version' is required"));
        }
        let is_component = !descriptor.targets.is_empty() || !descriptor.stacks.is_empty();
        if is_component && !descriptor.order.is_empty() {
            return Err(invalid("cannot have both 'targets'/'stacks' and an 'order' defined"));
        }
        // The id and the version become directories of the builder.
        let escaped = escape_id(&descriptor.buildpack.id);
        for part in [escaped.as_str(), &descriptor.buildpack.version] {
            if part == "." || part == ".." || part.contains(['/', '\0']) {
                return Err(invalid("'buildpack.id' and 'buildpack.version' must be usable as directory names"));
            }
        }
        Ok(Self { directory: directory.to_owned(), descriptor })
    }

    /// Finds the buildpack that `uri` names, relative to `base`.
    pub fn locate(uri: &str, base: &Path) -> Result<Self, ModuleError> {
        let plain = uri.strip_prefix("file://").unwrap_or(uri);
        let path = base.join(plain);
        if !path.is_dir() {
            return Err(ModuleError::NotADirectory { uri: uri.to_owned(), path });
        }
        let path = fs_err::canonicalize(&path).map_err(|source| ModuleError::Read { path, source })?;
        Self::read(&path)
    }

    /// Where it lies in a builder.
    pub fn path_in_image(&self) -> PathBuf {
        let info = &self.descriptor.buildpack;
        Path::new("/cnb/buildpacks").join(escape_id(&info.id)).join(&info.version)
    }

    /// Id and version.
    pub fn key(&self) -> (String, String) {
        let info = &self.descriptor.buildpack;
        (info.id.clone(), info.version.clone())
    }
}

/// Reads all buildpacks of a builder.toml.
pub fn read_all(sources: &[ModuleSource], base: &Path) -> Result<Modules, ModuleError> {
    let mut modules = Modules::new();
    for source in sources {
        let uri = if source.uri.is_empty() { &source.image } else { &source.uri };
        let module = Module::locate(uri, base)?;
        let info = &module.descriptor.buildpack;
        for (what, has, expected) in [("ID", &info.id, &source.id), ("version", &info.version, &source.version)] {
            if !expected.is_empty() && has != expected {
                let (uri, has, expected) = (uri.clone(), has.clone(), expected.clone());
                return Err(ModuleError::Mismatch { uri, what, has, expected });
            }
        }
        modules.insert(module.key(), module);
    }
    Ok(modules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(text: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs_err::write(directory.path().join("buildpack.toml"), text).unwrap();
        directory
    }

    #[test]
    fn a_buildpack_names_itself() {
        let source = directory("api = \"0.10\"\n[buildpack]\nid = \"a/b\"\nversion = \"1.0\"\n");
        let module = Module::read(source.path()).unwrap();
        assert_eq!(module.path_in_image(), Path::new("/cnb/buildpacks/a_b/1.0"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("[buildpack]\nversion = \"1\"\n", "'buildpack.id' is required"),
            ("[buildpack]\nid = \"a\"\n", "'buildpack.version' is required"),
            ("[buildpack]\nid = \"..\"\nversion = \"1\"\n", "must be usable as directory names"),
            ("[buildpack]\nid = \"a\"\nversion = \"1\"\n[[stacks]]\nid = \"*\"\n[[order]]\n", "cannot have both"),
        ];
        for (text, expected) in cases {
            let source = directory(text);
            let error = Module::read(source.path()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(Module::read(empty.path()), Err(ModuleError::NoDescriptor { .. })));
        assert!(matches!(Module::locate("absent", empty.path()), Err(ModuleError::NotADirectory { .. })));
    }

    #[test]
    fn what_was_expected_is_compared() {
        let source = directory("[buildpack]\nid = \"a\"\nversion = \"1\"\n");
        let mut expected = ModuleSource::default();
        (expected.uri, expected.id) = (".".into(), "other".into());
        let error = read_all(&[expected], source.path()).unwrap_err();
        assert!(
            error.to_string().ends_with("has ID 'a' which does not match ID 'other' from builder config"),
            "{error}"
        );
    }
}
