//! The schemas of project.toml, each as it is written, and what they have in common.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ProjectError;
use crate::strict_toml::with_unknown_keys;

/// What a file says, whatever its schema.
#[derive(Default)]
pub(super) struct Content {
    pub(super) builder: String,
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) buildpacks: Vec<Entry>,
    pub(super) before: Vec<Entry>,
    pub(super) after: Vec<Entry>,
    pub(super) variables: Vec<Variable>,
    pub(super) version: String,
    pub(super) source_url: String,
    licenses: Vec<License>,
    pub(super) warnings: Vec<String>,
}

/// A buildpack.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) uri: String,
    pub(super) script: Script,
    /// Schema 0.3.
    pub(super) exec_env: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Script {
    pub(super) api: String,
    pub(super) inline: String,
    pub(super) shell: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    /// Schema 0.3.
    pub(super) exec_env: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct License {
    #[serde(rename = "type")]
    kind: String,
    uri: String,
}

/// `[project]` of schema 0.1, `[_]` of the others.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct About {
    schema_version: String,
    id: String,
    name: String,
    version: String,
    authors: Vec<String>,
    documentation_url: String,
    source_url: String,
    licenses: Vec<License>,
    metadata: toml::Table,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Groups {
    group: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct First {
    project: About,
    build: FirstBuild,
    metadata: toml::Table,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FirstBuild {
    include: Vec<String>,
    exclude: Vec<String>,
    buildpacks: Vec<Entry>,
    env: Vec<Variable>,
    builder: String,
    pre: Groups,
    post: Groups,
}

/// Schemas 0.2 and 0.3.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Second {
    #[serde(rename = "_")]
    about: About,
    io: Io,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Io {
    buildpacks: Buildpacks,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Buildpacks {
    builder: String,
    include: Vec<String>,
    exclude: Vec<String>,
    group: Vec<Entry>,
    build: BuildTable,
    /// Where variables were before.
    env: OldEnvironment,
    pre: Groups,
    post: Groups,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BuildTable {
    env: Vec<Variable>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OldEnvironment {
    build: Vec<Variable>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Versioned {
    #[serde(rename = "_")]
    about: VersionTable,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct VersionTable {
    schema_version: Option<String>,
}

/// Reads the text of the file `path` by the schema that it names.
pub(super) fn read(path: &Path, text: &str) -> Result<Content, ProjectError> {
    let malformed = |source| ProjectError::Parse { path: path.to_owned(), source: Box::new(source) };
    let versioned: Versioned = toml::from_str(text).map_err(malformed)?;
    let parsed = |schema: &str, known: &[&str]| -> Result<Content, ProjectError> {
        Ok(match schema {
            "0.1" => keys::<First>(text, schema, known).map_err(malformed)?.into(),
            _ => keys::<Second>(text, schema, known).map_err(malformed)?.into(),
        })
    };
    match versioned.about.schema_version.as_deref() {
        None => {
            let mut content = parsed("0.1", &["project.", "build."])?;
            let text = "No schema version declared in project.toml, defaulting to schema version 0.1";
            content.warnings.insert(0, text.to_owned());
            Ok(content)
        }
        Some("0.1") => parsed("0.1", &["project.", "build."]),
        Some("0.2") => parsed("0.2", &["_.", "io.buildpacks."]),
        Some("0.3") => parsed("0.3", &[""]),
        Some(version) => Err(ProjectError::UnknownSchema { path: path.to_owned(), version: version.to_owned() }),
    }
}

struct Read<T> {
    value: T,
    warnings: Vec<String>,
}

/// The value, and a warning of keys that are not known, of those that begin with one of `told`.
fn keys<T: DeserializeOwned>(text: &str, schema: &str, told: &[&str]) -> Result<Read<T>, toml::de::Error> {
    let (value, unknown) = with_unknown_keys(text)?;
    let is_told = |key: &&String| told.iter().any(|prefix| key.starts_with(prefix)) && !key.starts_with("_.schema");
    let unknown: Vec<_> = unknown.iter().filter(is_told).cloned().collect();
    let said = format!(
        "The following keys declared in project.toml are not supported in schema version {schema}: {}",
        unknown.join(", ")
    );
    Ok(Read { value, warnings: Some(said).filter(|_| !unknown.is_empty()).into_iter().collect() })
}

impl From<Read<First>> for Content {
    fn from(Read { value: First { project, build, .. }, warnings }: Read<First>) -> Self {
        Self {
            builder: build.builder,
            include: build.include,
            exclude: build.exclude,
            buildpacks: build.buildpacks,
            before: build.pre.group,
            after: build.post.group,
            variables: build.env,
            version: project.version,
            source_url: project.source_url,
            licenses: project.licenses,
            warnings,
        }
    }
}

impl From<Read<Second>> for Content {
    fn from(Read { value: Second { about, io }, warnings }: Read<Second>) -> Self {
        let Buildpacks { builder, include, exclude, group, build, env, pre, post } = io.buildpacks;
        Self {
            builder,
            include,
            exclude,
            buildpacks: group,
            before: pre.group,
            after: post.group,
            variables: if build.env.is_empty() { env.build } else { build.env },
            version: about.version,
            source_url: about.source_url,
            licenses: about.licenses,
            warnings,
        }
    }
}

impl Content {
    /// What contradicts itself.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if !self.include.is_empty() && !self.exclude.is_empty() {
            return Some("cannot have both include and exclude defined");
        }
        if self.licenses.iter().any(|license| license.kind.is_empty() && license.uri.is_empty()) {
            return Some("must have a type or uri defined for each license");
        }
        for entry in self.buildpacks.iter().chain(&self.before).chain(&self.after) {
            if entry.id.is_empty() && entry.uri.is_empty() {
                return Some("buildpacks must have an id or url defined");
            }
            if !entry.uri.is_empty() && !entry.version.is_empty() {
                return Some("buildpacks cannot have both uri and version defined");
            }
        }
        None
    }
}
