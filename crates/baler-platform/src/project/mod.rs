//! project.toml: what an application says of its own build (project descriptor specification; platform-behaviour 3.3).
//!
//! Schemas 0.1, 0.2 and 0.3 become one value. Keys that are not known are told, and no error, as in pack; another schema,
//! values of a wrong type, and entries that contradict themselves are errors.

mod ignore;
mod schema;

use std::path::{Path, PathBuf};

use baler_cnb::project_metadata::{ProjectMetadata, ProjectSource};

pub use ignore::{FileFilter, Patterns};

use crate::modules::InlineBuildpack;
use crate::variables::Variables;

/// A project.toml that was read and found consistent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    pub builder: Option<String>,
    pub files: FileFilter,
    pub buildpacks: Vec<ProjectBuildpack>,
    /// Before each group of the builder's order.
    pub before: Vec<ProjectBuildpack>,
    /// After each group of the builder's order.
    pub after: Vec<ProjectBuildpack>,
    /// Variables of the build, for the execution environment that it was read for.
    pub variables: Variables,
    /// Where the source comes from.
    pub metadata: ProjectMetadata,
    /// What is odd but no error.
    pub warnings: Vec<String>,
}

/// A buildpack that a project.toml names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectBuildpack {
    /// Text as the flag `--buildpack` takes it.
    Locator(String),
    Inline(InlineBuildpack),
}

/// Why a project.toml cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    #[error("stat project descriptor '{}': there is no such file", path.display())]
    Absent { path: PathBuf },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("could not parse {}", path.display())]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{}: unknown project descriptor schema version {version}; there are 0.1, 0.2 and 0.3", path.display())]
    UnknownSchema { path: PathBuf, version: String },
    #[error("project.toml: {problem}")]
    Invalid { path: PathBuf, problem: String },
}

impl Project {
    /// Reads the file for a build in the execution environment `execution_environment`.
    pub fn read(path: &Path, execution_environment: &str) -> Result<Self, ProjectError> {
        let text = match fs_err::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ProjectError::Absent { path: path.to_owned() });
            }
            Err(source) => return Err(ProjectError::Read { path: path.to_owned(), source }),
        };
        Self::parse(path, &text, execution_environment)
    }

    /// Reads the text of the file `path`.
    pub fn parse(path: &Path, text: &str, execution_environment: &str) -> Result<Self, ProjectError> {
        let content = schema::read(path, text)?;
        let invalid = |problem: &str| ProjectError::Invalid { path: path.to_owned(), problem: problem.to_owned() };
        if let Some(problem) = content.problem() {
            return Err(invalid(problem));
        }
        let is_meant = |environments: &[String]| {
            environments.is_empty() || environments.iter().any(|name| name == execution_environment || name == "*")
        };
        let buildpacks = |entries: Vec<schema::Entry>| -> Result<Vec<_>, ProjectError> {
            let meant = entries.into_iter().filter(|entry| is_meant(&entry.exec_env));
            meant
                .map(|entry| buildpack(entry).ok_or_else(|| invalid("Missing API version for inline buildpack")))
                .collect()
        };
        let mut variables = Variables::new();
        for variable in content.variables.into_iter().filter(|variable| is_meant(&variable.exec_env)) {
            if variable.name.is_empty() || variable.name.contains(['/', '=', '\0']) {
                return Err(invalid(&format!("'{}' is not the name of a variable", variable.name)));
            }
            variables.insert(variable.name, variable.value);
        }
        Ok(Self {
            builder: Some(content.builder).filter(|builder| !builder.is_empty()),
            files: FileFilter::new(&content.include, &content.exclude),
            buildpacks: buildpacks(content.buildpacks)?,
            before: buildpacks(content.before)?,
            after: buildpacks(content.after)?,
            variables,
            metadata: metadata(&content.version, &content.source_url),
            warnings: content.warnings,
        })
    }
}

fn buildpack(entry: schema::Entry) -> Option<ProjectBuildpack> {
    let schema::Entry { id, version, uri, script, .. } = entry;
    if !uri.is_empty() {
        return Some(ProjectBuildpack::Locator(uri));
    }
    if !script.inline.is_empty() {
        let version = if version.is_empty() { "0.0.0".to_owned() } else { version };
        let schema::Script { api, inline, shell } = script;
        return (!api.is_empty()).then_some(ProjectBuildpack::Inline(InlineBuildpack {
            id,
            version,
            api,
            shell,
            script: inline,
        }));
    }
    Some(ProjectBuildpack::Locator(if version.is_empty() { id } else { format!("{id}@{version}") }))
}

fn metadata(version: &str, url: &str) -> ProjectMetadata {
    let table = |key: &str, value: &str| -> toml::Table {
        let entry = (key.to_owned(), toml::Value::String(value.to_owned()));
        std::iter::once(entry).filter(|_| !value.is_empty()).collect()
    };
    let source =
        ProjectSource { kind: "project".to_owned(), version: table("declared", version), metadata: table("url", url) };
    ProjectMetadata { source: (!version.is_empty() || !url.is_empty()).then_some(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Project {
        Project::parse(Path::new("project.toml"), text, "production").unwrap()
    }

    fn problem(text: &str) -> String {
        Project::parse(Path::new("project.toml"), text, "production").unwrap_err().to_string()
    }

    const OLD: &str = r#"
        [project]
        id = "a"
        version = "1.2"
        source-url = "https://example.com"
        [[project.licenses]]
        type = "MIT"
        [build]
        builder = "b"
        exclude = ["*.md"]
        [[build.env]]
        name = "A"
        value = "1"
        [[build.buildpacks]]
        id = "x"
        version = "1"
        [[build.pre.group]]
        uri = "./pre"
        [metadata]
        any = 1
    "#;

    const NEW: &str = r#"
        [_]
        schema-version = "0.2"
        version = "1.2"
        source-url = "https://example.com"
        [_.metadata]
        any = 1
        [io.buildpacks]
        builder = "b"
        exclude = ["*.md"]
        [[io.buildpacks.build.env]]
        name = "A"
        value = "1"
        [[io.buildpacks.group]]
        id = "x"
        version = "1"
        [[io.buildpacks.pre.group]]
        uri = "./pre"
        [com.example]
        other = 1
    "#;

    #[test]
    fn the_schemas_say_the_same() {
        let (old, new) = (parse(OLD), parse(NEW));
        assert_eq!(old.warnings, ["No schema version declared in project.toml, defaulting to schema version 0.1"]);
        assert_eq!(new.warnings, [""; 0]);
        assert_eq!(Project { warnings: Vec::new(), ..old }, new);
        assert_eq!(new.builder.as_deref(), Some("b"));
        assert_eq!(new.variables["A"], "1");
        assert_eq!(new.buildpacks, [ProjectBuildpack::Locator("x@1".into())]);
        assert_eq!(new.before, [ProjectBuildpack::Locator("./pre".into())]);
        let label = serde_json::to_string(&new.metadata).unwrap();
        assert_eq!(
            label,
            r#"{"source":{"type":"project","version":{"declared":"1.2"},"metadata":{"url":"https://example.com"}}}"#
        );
        let third = parse(&NEW.replace("0.2", "0.3").replace("[com.example]\n        other = 1", ""));
        assert_eq!(third, new);
    }

    #[test]
    fn the_old_place_of_variables_counts_where_the_new_one_is_empty() {
        let old = "[_]\nschema-version = \"0.2\"\n[[io.buildpacks.env.build]]\nname = \"A\"\nvalue = \"old\"\n";
        assert_eq!(parse(old).variables["A"], "old");
        let both = format!("{old}[[io.buildpacks.build.env]]\nname = \"A\"\nvalue = \"new\"\n");
        assert_eq!(parse(&both).variables["A"], "new");
    }

    #[test]
    fn execution_environments_of_the_third_schema() {
        let text = "[_]\nschema-version = \"0.3\"\n[[io.buildpacks.build.env]]\nname = \"A\"\nvalue = \"1\"\nexec-env = [\"test\"]\n\
                    [[io.buildpacks.group]]\nid = \"x\"\nexec-env = [\"test\"]\n";
        assert_eq!((parse(text).variables.len(), parse(text).buildpacks.len()), (0, 0));
        let tested = Project::parse(Path::new("p"), text, "test").unwrap();
        assert_eq!((tested.variables.len(), tested.buildpacks.len()), (1, 1));
    }

    #[test]
    fn inline_buildpacks() {
        let text = "[[build.buildpacks]]\nid = \"me\"\n[build.buildpacks.script]\napi = \"0.10\"\ninline = \"true\"\n";
        let ProjectBuildpack::Inline(inline) = &parse(text).buildpacks[0] else { panic!("no inline buildpack") };
        assert_eq!((inline.version.as_str(), inline.shell.as_str()), ("0.0.0", ""));
        assert_eq!(
            problem(&text.replace("api = \"0.10\"\n", "")),
            "project.toml: Missing API version for inline buildpack"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("[_]\nschema-version = \"9.9\"\n", "unknown project descriptor schema version 9.9"),
            ("[build]\ninclude = [\"a\"]\nexclude = [\"b\"]\n", "cannot have both include and exclude defined"),
            ("[[project.licenses]]\n", "must have a type or uri defined for each license"),
            ("[[build.buildpacks]]\nversion = \"1\"\n", "buildpacks must have an id or url defined"),
            (
                "[[build.buildpacks]]\nuri = \"x\"\nversion = \"1\"\n",
                "buildpacks cannot have both uri and version defined",
            ),
            ("[[build.env]]\nname = \"\"\n", "'' is not the name of a variable"),
            ("[build]\nexclude = 1\n", "could not parse project.toml"),
            ("[build\n", "could not parse project.toml"),
        ];
        for (text, expected) in cases {
            assert!(problem(text).contains(expected), "{}", problem(text));
        }
        let odd = parse("[build]\ntypo = 1\n[other]\nx = 1\n");
        let expected =
            "The following keys declared in project.toml are not supported in schema version 0.1: build.typo";
        assert_eq!(odd.warnings[1], expected);
    }
}
