//! launch.toml: what a buildpack adds to the image's configuration.
//!
//! Buildpack specification, "launch.toml (TOML)". Which keys an API allows is decided by the build phase; the type of
//! a process in metadata.toml is another one.

use serde::Deserialize;

use crate::exec_env::deserialize_exec_env;
use crate::metadata::{Label, Slice};

/// launch.toml.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LaunchFile {
    /// `[[labels]]`.
    pub labels: Vec<Label>,
    /// `[[processes]]`.
    pub processes: Vec<LaunchProcess>,
    /// `[[slices]]`.
    pub slices: Vec<Slice>,
    /// `[[bom]]`: deprecated from Buildpack API 0.7 on.
    pub bom: Vec<toml::Table>,
}

/// A process of launch.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct LaunchProcess {
    /// Its name.
    #[serde(rename = "type")]
    pub process_type: String,
    /// What to start.
    pub command: Option<LaunchCommand>,
    /// Arguments; from Buildpack API 0.9 on those that a user may replace.
    pub args: Vec<String>,
    /// Buildpack API < 0.9: whether it is started without a shell.
    pub direct: Option<bool>,
    /// It is the process that the image starts.
    pub default: bool,
    /// Buildpack API ≥ 0.8: where it is started.
    pub working_dir: String,
    /// Buildpack API ≥ 0.12: the execution environments it is for; empty is all.
    #[serde(deserialize_with = "deserialize_exec_env")]
    pub exec_env: Vec<String>,
}

/// The two forms of a command.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum LaunchCommand {
    /// Buildpack API < 0.9: a string.
    Text(String),
    /// Buildpack API ≥ 0.9: a program and its fixed arguments.
    List(Vec<String>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_command_are_read() {
        let text = "[[processes]]\ntype = \"web\"\ncommand = [\"a\", \"b\"]\ndefault = true\nworking-dir = \"/x\"\n\
                    [[processes]]\ntype = \"old\"\ncommand = \"a b\"\ndirect = false\n[[slices]]\npaths = [\"x\"]\n";
        let launch: LaunchFile = toml::from_str(text).unwrap();
        assert_eq!(launch.processes[0].command, Some(LaunchCommand::List(vec!["a".into(), "b".into()])));
        assert_eq!(launch.processes[0].direct, None);
        assert_eq!(launch.processes[1].command, Some(LaunchCommand::Text("a b".into())));
        assert_eq!(launch.processes[1].direct, Some(false));
        assert!(toml::from_str::<LaunchFile>("[[processes]]\ntype = \"web\"\ncommand = 1\n").is_err());
    }
}
