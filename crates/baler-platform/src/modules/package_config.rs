//! package.toml: what a package is made of (platform-behaviour 3.2). Reading is strict, as in pack.

use std::path::{Path, PathBuf};

use baler_cnb::buildpack::Target;
use serde::Deserialize;

use super::ModuleKind;
use crate::strict_toml::{self, StrictTomlError};

/// A package.toml.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PackageConfig {
    pub(crate) buildpack: UriTable,
    pub(crate) extension: UriTable,
    pub(crate) dependencies: Vec<Dependency>,
    platform: PlatformTable,
    pub(crate) targets: Vec<Target>,
}

/// `[buildpack]` or `[extension]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct UriTable {
    pub(crate) uri: String,
}

/// One of `[[dependencies]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Dependency {
    pub(crate) uri: String,
    pub(crate) image: String,
}

impl Dependency {
    /// Where it is; the old key names an image.
    pub(crate) fn locator(&self) -> String {
        if self.uri.is_empty() && !self.image.is_empty() {
            return format!("docker://{}", self.image);
        }
        self.uri.clone()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct PlatformTable {
    os: String,
}

/// Why a package.toml cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageConfigError {
    #[error("reading config")]
    Read(#[from] StrictTomlError),
    #[error("invalid package config {}: {problem}", path.display())]
    Invalid { path: PathBuf, problem: &'static str },
}

impl PackageConfig {
    /// Reads and checks the file.
    pub(crate) fn read(path: &Path) -> Result<Self, PackageConfigError> {
        Self::check(path, strict_toml::read(path, "package")?)
    }

    /// What it is of.
    pub(crate) fn kind(&self) -> ModuleKind {
        if self.buildpack.uri.is_empty() { ModuleKind::Extension } else { ModuleKind::Buildpack }
    }

    fn check(path: &Path, config: Self) -> Result<Self, PackageConfigError> {
        let invalid = |problem| Err(PackageConfigError::Invalid { path: path.to_owned(), problem });
        match (config.buildpack.uri.is_empty(), config.extension.uri.is_empty()) {
            (true, true) => return invalid("missing 'buildpack.uri' configuration"),
            (false, false) => return invalid("it is of a buildpack or of an extension, not of both"),
            (true, false) | (false, true) => {}
        }
        if config.dependencies.iter().any(|dependency| !dependency.uri.is_empty() && !dependency.image.is_empty()) {
            return invalid("dependency configured with both 'uri' and 'image'");
        }
        if config.dependencies.iter().any(|dependency| dependency.locator().is_empty()) {
            return invalid("a dependency has no 'uri'");
        }
        match config.platform.os.as_str() {
            "" | "linux" => Ok(config),
            _ => invalid("'platform.os' can only be linux"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PackageConfig, String> {
        let path = Path::new("package.toml");
        let config = strict_toml::parse(path, "package", text).map_err(|error| error.to_string())?;
        PackageConfig::check(path, config).map_err(|error| error.to_string())
    }

    #[test]
    fn a_package_names_its_module_and_its_dependencies() {
        let config = parse("[buildpack]\nuri = \".\"\n[[dependencies]]\nimage = \"a/b\"\n").unwrap();
        assert_eq!(config.dependencies[0].locator(), "docker://a/b");
        assert!(parse("").unwrap_err().ends_with("missing 'buildpack.uri' configuration"));
        assert!(parse("[buildpack]\nuri = \".\"\nx = 1\n").unwrap_err().contains("element 'buildpack.x'"));
        let both = "[buildpack]\nuri = \".\"\n[[dependencies]]\nimage = \"a/b\"\nuri = \"c\"\n";
        assert!(parse(both).unwrap_err().ends_with("with both 'uri' and 'image'"));
    }
}
