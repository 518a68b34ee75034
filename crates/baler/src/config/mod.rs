//! The user's configuration: `config.toml` of `pack` (platform-behaviour 2.2), and of the same form Baler's own, which goes
//! before it. Keys that are not known are passed over, as `pack` does.

mod file;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use baler_cnb::run::RunImage;
use baler_registry::Mirror;
use serde::Deserialize;

pub(crate) use file::{ConfigFile, Value};

/// The configuration. What is not set is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Config {
    pub(crate) default_builder_image: String,
    pub(crate) pull_policy: String,
    pub(crate) lifecycle_image: String,
    /// Recorded for `pack`; nothing here waits for it.
    pub(crate) experimental: bool,
    /// The user's mirrors of run images.
    pub(crate) run_images: Vec<RunImage>,
    pub(crate) trusted_builders: Vec<TrustedBuilder>,
    /// Registry to mirror; `*` stands for all.
    pub(crate) registry_mirrors: BTreeMap<String, String>,
}

/// A builder that `pack` runs in another way; here its name is only one that no image may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct TrustedBuilder {
    pub(crate) name: String,
}

/// Why the configuration cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("reading pack config: failed to read config file at path {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("reading pack config: failed to read config file at path {}", path.display())]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    /// A file that can be read as the configuration and yet not be changed in place.
    #[error("cannot change {}", path.display())]
    Change { path: PathBuf, source: Box<toml_edit::TomlError> },
    #[error("writing the configuration")]
    Write { source: io::Error },
    #[error("there is no place for the configuration: set HOME or XDG_CONFIG_HOME")]
    NoPlace,
}

/// One of the files, as it is.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) config: Config,
}

impl Config {
    /// Reads both files; `variables` says where they are.
    pub(crate) fn read(variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Ok(Self::sources(variables)?.into_iter().fold(Self::default(), |config, source| config.or(source.config)))
    }

    /// Both files; what the first one says goes before what the second one does. A file that is not there says nothing.
    pub(crate) fn sources(variables: &BTreeMap<String, String>) -> Result<Vec<Source>, ConfigError> {
        let source = |path: PathBuf| Ok(Source { config: Self::parse(&path, &text_of(&path)?)?, path });
        paths(variables).into_iter().map(source).collect()
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })
    }

    /// With what `other` says where this says nothing.
    fn or(mut self, other: Self) -> Self {
        let either = |one: String, other: String| if one.is_empty() { other } else { one };
        self.run_images.extend(other.run_images);
        self.trusted_builders.extend(other.trusted_builders);
        for (registry, mirror) in other.registry_mirrors {
            self.registry_mirrors.entry(registry).or_insert(mirror);
        }
        Self {
            default_builder_image: either(self.default_builder_image, other.default_builder_image),
            pull_policy: either(self.pull_policy, other.pull_policy),
            lifecycle_image: either(self.lifecycle_image, other.lifecycle_image),
            experimental: self.experimental || other.experimental,
            ..self
        }
    }

    /// The mirrors of registries. One for all goes before those for single ones.
    pub(crate) fn mirrors(&self) -> Vec<Mirror> {
        let mirror =
            |(registry, mirror): (&String, &String)| Mirror { registry: registry.clone(), mirror: mirror.clone() };
        match self.registry_mirrors.get_key_value("*") {
            Some(for_all) => vec![mirror(for_all)],
            None => self.registry_mirrors.iter().map(mirror).collect(),
        }
    }
}

/// The text of a file; one that is not there is empty.
fn text_of(path: &Path) -> Result<String, ConfigError> {
    match fs_err::read_to_string(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(String::new())
        }
        text => text.map_err(|source| ConfigError::Read { path: path.to_owned(), source }),
    }
}

/// Baler's file, then `pack`'s.
fn paths(variables: &BTreeMap<String, String>) -> Vec<PathBuf> {
    own_path(variables).into_iter().chain(pack_path(variables)).collect()
}

fn own_path(variables: &BTreeMap<String, String>) -> Option<PathBuf> {
    let directory = set(variables, "XDG_CONFIG_HOME").or_else(|| Some(set(variables, "HOME")?.join(".config")));
    Some(directory?.join("baler/config.toml"))
}

fn pack_path(variables: &BTreeMap<String, String>) -> Option<PathBuf> {
    let directory = set(variables, "PACK_HOME").or_else(|| Some(set(variables, "HOME")?.join(".pack")));
    Some(directory?.join("config.toml"))
}

fn set(variables: &BTreeMap<String, String>, name: &str) -> Option<PathBuf> {
    variables.get(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACK: &str = r#"
default-builder-image = "pack-builder"
pull-policy = "never"
experimental = true
unknown = 1

[[run-images]]
  image = "run"
  mirrors = ["one.example/run", "two.example/run"]

[[trusted-builders]]
  name = "trusted"

[registry-mirrors]
  "index.docker.io" = "mirror.example"
  "other.example" = "mirror.example/other"
"#;

    fn variables(home: &Path) -> BTreeMap<String, String> {
        BTreeMap::from([("HOME".to_owned(), home.to_string_lossy().into_owned())])
    }

    #[test]
    fn own_values_go_first() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(Config::read(&variables(home.path())).unwrap(), Config::default());
        fs_err::create_dir_all(home.path().join(".pack")).unwrap();
        fs_err::write(home.path().join(".pack/config.toml"), PACK).unwrap();
        let config = Config::read(&variables(home.path())).unwrap();
        assert_eq!((config.default_builder_image.as_str(), config.pull_policy.as_str()), ("pack-builder", "never"));
        assert_eq!(config.run_images[0].mirrors.len(), 2);
        assert_eq!(config.mirrors().len(), 2);

        fs_err::create_dir_all(home.path().join(".config/baler")).unwrap();
        let own = "default-builder-image = \"own\"\n[registry-mirrors]\n\"*\" = \"all.example\"\n";
        fs_err::write(home.path().join(".config/baler/config.toml"), own).unwrap();
        let config = Config::read(&variables(home.path())).unwrap();
        assert_eq!((config.default_builder_image.as_str(), config.pull_policy.as_str()), ("own", "never"));
        assert_eq!(config.mirrors(), [Mirror { registry: "*".into(), mirror: "all.example".into() }]);
    }

    #[test]
    fn a_broken_file_is_named() {
        let home = tempfile::tempdir().unwrap();
        fs_err::write(home.path().join("config.toml"), "pull-policy = ").unwrap();
        let mut variables = variables(home.path());
        variables.insert("PACK_HOME".to_owned(), home.path().to_string_lossy().into_owned());
        let error = Config::read(&variables).unwrap_err();
        let start = format!("reading pack config: failed to read config file at path {}", home.path().display());
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}
