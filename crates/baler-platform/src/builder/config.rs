//! builder.toml: what a builder is made of (platform-behaviour 3.1).
//!
//! Reading is strict: a key that is not known is an error, as in pack. Paths are relative to the file.

use std::path::{Path, PathBuf};

use baler_cnb::buildpack::{License, Target};
use baler_cnb::order::{Group, ModuleReference, SystemModules};
use serde::Deserialize;

use crate::strict_toml::{self, StrictTomlError};

/// A builder.toml that was read and found consistent.
#[derive(Clone, Debug, PartialEq)]
pub struct BuilderConfig {
    /// The file, for messages.
    pub path: PathBuf,
    pub description: String,
    pub buildpacks: Vec<ModuleSource>,
    pub extensions: Vec<ModuleSource>,
    pub order: Vec<Group>,
    pub order_extensions: Vec<Group>,
    pub stack_id: String,
    /// The run image in its old form, where the file has that form.
    pub stack_run_image: Option<RunImageConfig>,
    pub build_image: String,
    pub build_environment: Vec<BuildVariable>,
    /// At least one.
    pub run_images: Vec<RunImageConfig>,
    pub targets: Vec<Target>,
    pub lifecycle: LifecycleConfig,
    pub system_pre: Vec<ModuleReference>,
    pub system_post: Vec<ModuleReference>,
    /// What is odd but no error.
    pub warnings: Vec<String>,
}

/// Where a module comes from, and what it is expected to be.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ModuleSource {
    pub uri: String,
    pub image: String,
    pub id: String,
    pub version: String,
    name: String,
    description: String,
    homepage: String,
    keywords: Vec<String>,
    exec_env: Vec<String>,
    licenses: Vec<License>,
    clear_env: bool,
}

impl ModuleSource {
    /// Where it is; the old key names an image.
    pub fn locator(&self) -> String {
        if self.uri.is_empty() && !self.image.is_empty() {
            return format!("docker://{}", self.image);
        }
        self.uri.clone()
    }
}

/// `[[run.images]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RunImageConfig {
    pub image: String,
    pub mirrors: Vec<String>,
}

/// `[[build.env]]`: a variable that the operator sets for every build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct BuildVariable {
    pub name: String,
    pub value: String,
    pub suffix: String,
    pub delim: String,
    exec_env: Vec<String>,
}

/// `[lifecycle]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LifecycleConfig {
    pub version: String,
    pub uri: String,
}

/// Why a builder.toml cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error("{0}")]
    Toml(#[from] StrictTomlError),
    #[error("invalid builder config: {problem}")]
    Invalid { path: PathBuf, problem: &'static str },
    #[error("error parsing [[build.env]] in file '{}': {problem}", path.display())]
    BuildVariable { path: PathBuf, problem: String },
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct File {
    description: String,
    buildpacks: Vec<ModuleSource>,
    extensions: Vec<ModuleSource>,
    order: Vec<Group>,
    order_extensions: Vec<Group>,
    stack: StackTable,
    lifecycle: LifecycleConfig,
    run: RunTable,
    build: BuildTable,
    targets: Vec<Target>,
    system: SystemTable,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct StackTable {
    id: String,
    build_image: String,
    run_image: String,
    run_image_mirrors: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RunTable {
    images: Vec<RunImageConfig>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BuildTable {
    image: String,
    env: Vec<BuildVariable>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SystemTable {
    pre: SystemModules,
    post: SystemModules,
}

/// Reads and checks the file.
pub fn read(path: &Path) -> Result<BuilderConfig, ConfigError> {
    merge(path, strict_toml::read(path, "builder")?)
}

/// Checks the text of the file `path`.
pub fn parse(path: &Path, text: &str) -> Result<BuilderConfig, ConfigError> {
    merge(path, strict_toml::parse(path, "builder", text)?)
}

/// Brings the old form (`[stack]`) and the new one (`[build]`, `[run]`) together.
fn merge(path: &Path, file: File) -> Result<BuilderConfig, ConfigError> {
    let invalid = |problem| ConfigError::Invalid { path: path.to_owned(), problem };
    let StackTable { id: stack_id, build_image: stack_build, run_image: stack_run, run_image_mirrors } = file.stack;
    let build_image = match (file.build.image.is_empty(), stack_build.is_empty()) {
        (true, true) => return Err(invalid("build.image is required")),
        (true, false) => stack_build,
        (false, false) if stack_build != file.build.image => {
            return Err(invalid("build.image and stack.build-image do not match"));
        }
        (false, _) => file.build.image,
    };
    let stack_run_image = (!stack_run.is_empty())
        .then(|| RunImageConfig { image: stack_run.clone(), mirrors: run_image_mirrors.clone() });
    let run_images = match file.run.images {
        images if images.iter().any(|image| image.image.is_empty()) => {
            return Err(invalid("run.images.image is required"));
        }
        images if images.is_empty() && stack_run.is_empty() => return Err(invalid("run.images are required")),
        images if images.is_empty() => vec![RunImageConfig { image: stack_run, mirrors: run_image_mirrors }],
        images if !stack_run.is_empty() && stack_run != images[0].image => {
            return Err(invalid("run.images and stack.run-image do not match"));
        }
        images => images,
    };
    if !file.lifecycle.version.is_empty() && !file.lifecycle.uri.is_empty() {
        return Err(invalid("'lifecycle' can only declare 'version' or 'uri', not both"));
    }
    let mut warnings = Vec::new();
    if file.order.is_empty() {
        warnings.push("empty 'order' definition".to_owned());
    }
    let build_environment = check_environment(path, file.build.env, &mut warnings)?;
    Ok(BuilderConfig {
        path: path.to_owned(),
        description: file.description,
        buildpacks: file.buildpacks,
        extensions: file.extensions,
        order: file.order,
        order_extensions: file.order_extensions,
        stack_id,
        stack_run_image,
        build_image,
        build_environment,
        run_images,
        targets: file.targets,
        lifecycle: file.lifecycle,
        system_pre: file.system.pre.buildpacks,
        system_post: file.system.post.buildpacks,
        warnings,
    })
}

fn check_environment(
    path: &Path,
    variables: Vec<BuildVariable>,
    warnings: &mut Vec<String>,
) -> Result<Vec<BuildVariable>, ConfigError> {
    let wrong = |problem| ConfigError::BuildVariable { path: path.to_owned(), problem };
    for variable in &variables {
        let name = &variable.name;
        if name.is_empty() {
            return Err(wrong("env name should not be empty".to_owned()));
        }
        match variable.suffix.as_str() {
            "" | "default" | "override" => {}
            "append" | "prepend" if !variable.delim.is_empty() => {}
            "append" | "prepend" => {
                return Err(wrong(format!("'{name}' is to be {}ed without a delim", variable.suffix)));
            }
            other => return Err(wrong(format!("unknown action type '{other}'"))),
        }
        if variable.value.is_empty() {
            warnings.push(format!("the value of '{name}' in [[build.env]] is empty"));
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGES: &str = "[build]\nimage = \"b\"\n[[run.images]]\nimage = \"r\"\n";

    fn problem(text: &str) -> String {
        parse(Path::new("builder.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn both_forms_of_images() {
        let new = parse(Path::new("builder.toml"), IMAGES).unwrap();
        assert_eq!((new.build_image.as_str(), new.run_images[0].image.as_str()), ("b", "r"));
        let old = "[stack]\nid = \"s\"\nbuild-image = \"b\"\nrun-image = \"r\"\nrun-image-mirrors = [\"m\"]\n";
        let old = parse(Path::new("builder.toml"), old).unwrap();
        assert_eq!(old.run_images, [RunImageConfig { image: "r".into(), mirrors: vec!["m".into()] }]);
    }

    #[test]
    fn unknown_keys_are_named_without_numbers() {
        let text = format!("{IMAGES}[[buildpacks]]\nuri = \"x\"\ntypo = 1\n[other]\nx = 1\n");
        assert_eq!(
            problem(&text),
            "invalid builder toml: parse contents of 'builder.toml': \
             unknown configuration elements 'buildpacks.typo', 'other' in 'builder.toml'"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(problem(""), "invalid builder config: build.image is required");
        assert_eq!(problem("[build]\nimage = \"b\"\n"), "invalid builder config: run.images are required");
        let both = format!("{IMAGES}[lifecycle]\nuri = \"x\"\nversion = \"1.0.0\"\n");
        assert!(problem(&both).ends_with("'lifecycle' can only declare 'version' or 'uri', not both"));
        let suffix =
            "[build]\nimage = \"b\"\n[[build.env]]\nname = \"A\"\nsuffix = \"wrong\"\n[[run.images]]\nimage = \"r\"\n";
        assert!(problem(suffix).ends_with("unknown action type 'wrong'"), "{}", problem(suffix));
    }

    #[test]
    fn broken_toml_shows_the_line() {
        let error = parse(Path::new("builder.toml"), "a = [\n").unwrap_err();
        let ConfigError::Toml(StrictTomlError::Parse { source, .. }) = error else { panic!("{error}") };
        assert!(source.to_string().contains("line 1"), "{source}");
    }
}
