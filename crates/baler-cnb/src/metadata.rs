//! `<layers>/config/metadata.toml`: what the builder tells the exporter and the launcher (Platform interface
//! specification, "metadata.toml").
//!
//! Read leniently: unknown keys are ignored, missing ones are empty, `command` may be a string or an array. Written
//! exactly, in the bytes that the lifecycle has always written, since the file is a layer of the app image.

mod read;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::features::PlatformFeatures;
use crate::process::Process;

pub use read::InvalidMetadata;

/// The contents of metadata.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The process type that starts when none is named; empty if there is none.
    pub buildpack_default_process_type: String,
    /// The buildpacks of the group, in its order.
    pub buildpacks: Vec<GroupModule>,
    /// The image extensions of the group, in its order.
    pub extensions: Vec<GroupModule>,
    /// Labels of the app image, in the order in which they are set.
    pub labels: Vec<Label>,
    /// What the image can start, by type.
    pub processes: Vec<Process>,
    /// How the app directory is split into layers.
    pub slices: Vec<Slice>,
}

/// The deprecated bill of materials, which Platform API < 0.9 keeps in the same file, as the buildpacks wrote it. Apart
/// from [`Metadata`], because few readers want it and its shape is free.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LegacyBom {
    pub bom: Vec<toml::Table>,
}

impl LegacyBom {
    /// Reads the text of metadata.toml.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// What is appended to the text of metadata.toml; nothing if there are no entries.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        if self.bom.is_empty() { Ok(String::new()) } else { Ok(format!("\n{}", toml::to_string(self)?)) }
    }
}

/// A buildpack or an extension that took part in the build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupModule {
    pub id: String,
    pub version: String,
    /// Its API; kept as text, because a reader must be able to refuse it by name.
    pub api: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
}

/// A label of the app image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Label {
    pub key: String,
    pub value: String,
}

/// Glob patterns of files in the app directory that make one layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Slice {
    pub paths: Vec<String>,
}

impl GroupModule {
    /// The name of its directory: `/` in ids becomes `_`.
    pub fn directory_name(&self) -> String {
        escape_id(&self.id)
    }
}

/// The directory name of a buildpack or extension: `/` in ids becomes `_`.
pub fn escape_id(id: &str) -> String {
    id.replace('/', "_")
}

impl Metadata {
    /// Reads the text of metadata.toml.
    pub fn from_toml(text: &str) -> Result<Self, InvalidMetadata> {
        read::metadata(text)
    }

    /// The text of metadata.toml. Processes are never an inline array, which other readers cannot take.
    ///
    /// Without [`command_is_array`](PlatformFeatures::command_is_array) a command's further entries move to the front
    /// of the arguments, and the command is a string.
    pub fn to_toml(&self, features: PlatformFeatures) -> String {
        let mut text = Text::default();
        if self.processes.is_empty() {
            // An empty array of tables has no other form.
            text.line("processes = []");
        }
        if !self.buildpack_default_process_type.is_empty() {
            text.string("buildpack-default-process-type", &self.buildpack_default_process_type);
        }
        for (name, modules) in [("buildpacks", &self.buildpacks), ("extensions", &self.extensions)] {
            for module in modules {
                text.module(name, module);
            }
        }
        for label in &self.labels {
            text.table("labels");
            text.string("key", &label.key);
            text.string("value", &label.value);
        }
        for process in &self.processes {
            text.process(process, features.command_is_array);
        }
        for slice in &self.slices {
            text.table("slices");
            text.list("paths", &slice.paths);
        }
        text.written
    }
}

/// The text while it is written: keys of a table are indented by two spaces, tables are set apart by an empty line.
#[derive(Default)]
struct Text {
    written: String,
    is_in_table: bool,
}

impl Text {
    fn line(&mut self, line: &str) {
        self.written.push_str(if self.is_in_table { "  " } else { "" });
        self.written.push_str(line);
        self.written.push('\n');
    }

    fn table(&mut self, name: &str) {
        self.set_apart();
        self.is_in_table = true;
        self.written.push_str("[[");
        self.written.push_str(name);
        self.written.push_str("]]\n");
    }

    fn set_apart(&mut self) {
        if !self.written.is_empty() {
            self.written.push('\n');
        }
    }

    fn string(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {}", quoted(value)));
    }

    fn list(&mut self, key: &str, values: &[String]) {
        let quoted: Vec<_> = values.iter().map(|value| quoted(value)).collect();
        self.line(&format!("{key} = [{}]", quoted.join(", ")));
    }

    fn module(&mut self, name: &str, module: &GroupModule) {
        self.table(name);
        self.string("id", &module.id);
        self.string("version", &module.version);
        self.string("api", &module.api);
        if !module.homepage.is_empty() {
            self.string("homepage", &module.homepage);
        }
    }

    fn process(&mut self, process: &Process, command_is_array: bool) {
        self.table("processes");
        self.string("type", &process.process_type);
        if command_is_array {
            self.list("command", &process.command);
            if !process.args.is_empty() {
                self.list("args", &process.args);
            }
        } else {
            let (first, others) = process.command.split_first().map_or(("", &[][..]), |(f, o)| (f.as_str(), o));
            self.string("command", first);
            self.list("args", &[others, &process.args].concat());
        }
        self.line(&format!("direct = {}", process.direct));
        self.string("buildpack-id", &process.buildpack_id);
        if !process.working_dir.is_empty() {
            self.string("working-dir", &process.working_dir);
        }
        if !process.exec_env.is_empty() {
            self.list("exec-env", &process.exec_env);
        }
    }
}

/// A TOML basic string.
fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                write!(text, "\\u{:04x}", u32::from(character)).expect("writing to a String cannot fail");
            }
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PlatformApi;

    fn features(api: &str) -> PlatformFeatures {
        PlatformFeatures::for_api(api.parse::<PlatformApi>().unwrap())
    }

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn example() -> Metadata {
        Metadata {
            buildpack_default_process_type: "web".into(),
            buildpacks: vec![
                GroupModule {
                    id: "test/a".into(),
                    version: "0.0.1".into(),
                    api: "0.10".into(),
                    homepage: "https://example.test/a".into(),
                },
                GroupModule { id: "b".into(), version: "2".into(), api: "0.8".into(), homepage: String::new() },
            ],
            extensions: vec![GroupModule {
                id: "x".into(),
                version: "1".into(),
                api: "0.11".into(),
                homepage: String::new(),
            }],
            labels: vec![Label { key: "markup".into(), value: "<b>&\"quoted\" é".into() }],
            processes: vec![
                Process {
                    process_type: "task".into(),
                    command: strings(&["sh", "-c", "a\tb\\\n\u{1}"]),
                    args: strings(&["one", "two words"]),
                    direct: true,
                    buildpack_id: "test/a".into(),
                    ..Process::default()
                },
                Process {
                    process_type: "web".into(),
                    command: strings(&["run"]),
                    direct: false,
                    buildpack_id: "b".into(),
                    working_dir: "/workspace/sub".into(),
                    exec_env: strings(&["production", "staging"]),
                    ..Process::default()
                },
            ],
            slices: vec![Slice { paths: strings(&["static/*.css", "docs"]) }],
        }
    }

    const HEAD: &str = r#"buildpack-default-process-type = "web"

[[buildpacks]]
  id = "test/a"
  version = "0.0.1"
  api = "0.10"
  homepage = "https://example.test/a"

[[buildpacks]]
  id = "b"
  version = "2"
  api = "0.8"

[[extensions]]
  id = "x"
  version = "1"
  api = "0.11"

[[labels]]
  key = "markup"
  value = "<b>&\"quoted\" é"

[[processes]]
  type = "task"
"#;

    #[test]
    fn writes_exactly() {
        let expected = r#"  command = ["sh", "-c", "a\tb\\\n\u0001"]
  args = ["one", "two words"]
  direct = true
  buildpack-id = "test/a"

[[processes]]
  type = "web"
  command = ["run"]
  direct = false
  buildpack-id = "b"
  working-dir = "/workspace/sub"
  exec-env = ["production", "staging"]

[[slices]]
  paths = ["static/*.css", "docs"]
"#;
        assert_eq!(example().to_toml(features("0.15")), format!("{HEAD}{expected}"));
    }

    #[test]
    fn writes_commands_as_strings_before_0_10() {
        let expected = r#"  command = "sh"
  args = ["-c", "a\tb\\\n\u0001", "one", "two words"]
  direct = true
  buildpack-id = "test/a"

[[processes]]
  type = "web"
  command = "run"
  args = []
  direct = false
  buildpack-id = "b"
  working-dir = "/workspace/sub"
  exec-env = ["production", "staging"]

[[slices]]
  paths = ["static/*.css", "docs"]
"#;
        assert_eq!(example().to_toml(features("0.9")), format!("{HEAD}{expected}"));
    }

    #[test]
    fn reads_what_it_writes() {
        let text = example().to_toml(features("0.15"));
        assert_eq!(Metadata::from_toml(&text).unwrap(), example());
        assert_eq!(Metadata::from_toml("").unwrap(), Metadata::default());
        assert_eq!(Metadata::default().to_toml(features("0.15")), "processes = []\n");
        assert_eq!(Metadata::from_toml("processes = []\n").unwrap(), Metadata::default());
    }

    #[test]
    fn keeps_the_old_bill_of_materials() {
        let text = "[[bom]]\nname = \"dep\"\n[bom.metadata]\nversion = \"1\"\n[[buildpacks]]\nid = \"a\"\n";
        let (metadata, bom) = (Metadata::from_toml(text).unwrap(), LegacyBom::from_toml(text).unwrap());
        assert_eq!(bom.bom[0]["name"].as_str(), Some("dep"));
        let written = metadata.to_toml(features("0.8")) + &bom.to_toml().unwrap();
        assert_eq!(Metadata::from_toml(&written).unwrap(), metadata);
        assert_eq!(LegacyBom::from_toml(&written).unwrap(), bom);
        assert_eq!(LegacyBom::default().to_toml().unwrap(), "");
    }

    #[test]
    fn a_broken_file_shows_its_line() {
        let error = Metadata::from_toml("[[processes]]\ntype = web\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("type = web"), "{error}");
    }

    #[test]
    fn ignores_unknown_keys() {
        let metadata =
            Metadata::from_toml("new = 1\n[[processes]]\ntype = 'web'\nnew = 2\n[launcher]\nx = 1\n").unwrap();
        assert_eq!(metadata.processes[0].process_type, "web");
    }
}
