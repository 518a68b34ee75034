//! The label `io.buildpacks.build.metadata`.

use serde::{Deserialize, Serialize};

use super::empty_as_null;
use crate::value::{LabelTable, null_as_default};

/// The label `io.buildpacks.build.metadata`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildLabel {
    /// Platform API < 0.9: the bill of materials; written as null when it is empty, left out when absent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bom")]
    pub bom: Option<Vec<LabelTable>>,
    /// The group.
    #[serde(serialize_with = "empty_as_null", deserialize_with = "null_as_default")]
    pub buildpacks: Vec<BuildLabelBuildpack>,
    /// The extensions of the group.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub extensions: Vec<BuildLabelBuildpack>,
    /// Which launcher is in the image.
    pub launcher: BuildLabelLauncher,
    /// The image's processes.
    #[serde(deserialize_with = "null_as_default")]
    pub processes: Vec<BuildLabelProcess>,
    /// The process that the buildpacks want to be started.
    #[serde(rename = "buildpack-default-process-type", skip_serializing_if = "String::is_empty")]
    pub default_process_type: String,
}

/// A module of the group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildLabelBuildpack {
    /// The module's id.
    pub id: String,
    /// The module's version.
    pub version: String,
    /// Its homepage.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
}

/// The launcher of the image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildLabelLauncher {
    /// Version of the lifecycle.
    pub version: String,
    /// Where its source is.
    pub source: LauncherSource,
}

/// `launcher.source`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LauncherSource {
    /// In Git.
    pub git: LauncherGit,
}

/// `launcher.source.git`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LauncherGit {
    /// The repository.
    pub repository: String,
    /// The commit.
    pub commit: String,
}

/// A process of the image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildLabelProcess {
    /// Its name.
    #[serde(rename = "type")]
    pub process_type: String,
    /// What is started.
    pub command: BuildLabelCommand,
    /// Arguments; null when the buildpack gave none.
    pub args: Option<Vec<String>>,
    /// Started without a shell.
    pub direct: bool,
    /// The buildpack that it comes from.
    #[serde(rename = "buildpackID")]
    pub buildpack_id: String,
    /// Where it is started; empty is the application's directory.
    #[serde(rename = "working-dir", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// The execution environments it is for; empty is all.
    #[serde(rename = "exec-env", skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub exec_env: Vec<String>,
}

/// The command of a process: a list from Platform API 0.10 on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BuildLabelCommand {
    /// Platform API < 0.10.
    Text(String),
    /// Platform API ≥ 0.10.
    List(Vec<String>),
}

impl Default for BuildLabelCommand {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn bom<S: serde::Serializer>(bom: &Option<Vec<LabelTable>>, serializer: S) -> Result<S::Ok, S::Error> {
    empty_as_null(bom.as_deref().unwrap_or_default(), serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::encode;

    #[test]
    fn the_label_has_the_references_keys_in_its_order() {
        let process = BuildLabelProcess {
            process_type: "web".into(),
            command: BuildLabelCommand::List(vec!["/workspace/run.sh".into()]),
            direct: true,
            buildpack_id: "test/a".into(),
            exec_env: vec!["test".into()],
            ..Default::default()
        };
        let buildpack = BuildLabelBuildpack { id: "test/a".into(), version: "1".into(), homepage: String::new() };
        let label = BuildLabel {
            buildpacks: vec![buildpack],
            processes: vec![process],
            default_process_type: "web".into(),
            ..Default::default()
        };
        let text = encode(&label).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"buildpacks":[{"id":"test/a","version":"1"}],"launcher":{"version":"","source":{"git":{"repository":"","commit":""}}},"#,
                r#""processes":[{"type":"web","command":["/workspace/run.sh"],"args":null,"direct":true,"buildpackID":"test/a","#,
                r#""exec-env":["test"]}],"buildpack-default-process-type":"web"}"#
            )
        );
        assert_eq!(serde_json::from_str::<BuildLabel>(&text).unwrap(), label);
    }

    #[test]
    fn an_empty_bom_is_null_and_a_string_is_a_command() {
        let label = BuildLabel { bom: Some(Vec::new()), ..Default::default() };
        assert!(encode(&label).unwrap().starts_with(r#"{"bom":null,"buildpacks":null,"#));
        let process: BuildLabelProcess = serde_json::from_str(r#"{"type":"web","command":"a b"}"#).unwrap();
        assert_eq!(process.command, BuildLabelCommand::Text("a b".into()));
    }
}
