//! launch.toml: the rules of each Buildpack API, and how the processes of several buildpacks become one list.
//!
//! Buildpack specification, "launch.toml (TOML)". A later process takes the place of an earlier one of the same type;
//! the last one marked as default is it, until a later one of its type is not marked.

use std::collections::BTreeMap;
use std::path::Path;

use baler_cnb::features::BuildpackFeatures;
use baler_cnb::launch::{LaunchCommand, LaunchFile, LaunchProcess};
use baler_cnb::metadata::{Label, Slice};
use baler_cnb::process::Process;

use super::error::BuildpackOutputError;

/// What a buildpack adds to the image.
#[derive(Debug, Default)]
pub(super) struct Launch {
    pub(super) labels: Vec<Label>,
    pub(super) slices: Vec<Slice>,
    pub(super) processes: Vec<NewProcess>,
}

/// A process and whether its buildpack wants it to be the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewProcess {
    pub(super) process: Process,
    pub(super) is_default: bool,
}

/// The rules for the launch.toml of one buildpack.
pub(super) struct Rules<'a> {
    pub(super) features: BuildpackFeatures,
    pub(super) api: &'a str,
    pub(super) buildpack_id: &'a str,
}

impl Rules<'_> {
    /// Checks a launch.toml, which lies at `path`. Also returns the types of processes whose working directory was
    /// dropped, since their API has none.
    pub(super) fn check(&self, file: LaunchFile, path: &Path) -> Result<(Launch, Vec<String>), BuildpackOutputError> {
        let LaunchFile { labels, processes, slices, .. } = file;
        if processes.iter().filter(|process| process.default).count() > 1 {
            return Err(BuildpackOutputError::SeveralDefaults(path.to_owned()));
        }
        let mut launch = Launch { labels, slices, processes: Vec::new() };
        let mut dropped = Vec::new();
        for mut process in processes {
            if !self.features.process_working_dir && !process.working_dir.is_empty() {
                process.working_dir.clear();
                dropped.push(process.process_type.clone());
            }
            launch.processes.push(self.check_process(process, path)?);
        }
        Ok((launch, dropped))
    }

    fn check_process(&self, process: LaunchProcess, path: &Path) -> Result<NewProcess, BuildpackOutputError> {
        let (path, process_type) = (path.to_owned(), process.process_type);
        let api = || self.api.to_owned();
        if self.features.command_is_array && process.direct.is_some() {
            return Err(BuildpackOutputError::Direct { path, process_type, api: api() });
        }
        let command = match (process.command, self.features.command_is_array) {
            (Some(LaunchCommand::List(entries)), true) => entries,
            (Some(LaunchCommand::Text(text)), false) => vec![text],
            (None, _) => Vec::new(),
            (Some(LaunchCommand::Text(_)), true) => {
                let expected = "a list of strings";
                return Err(BuildpackOutputError::CommandForm { path, process_type, expected, api: api() });
            }
            (Some(LaunchCommand::List(_)), false) => {
                let expected = "a string";
                return Err(BuildpackOutputError::CommandForm { path, process_type, expected, api: api() });
            }
        };
        let is_default = process.default;
        let process = Process {
            process_type,
            command,
            args: process.args,
            direct: self.features.command_is_array || process.direct.unwrap_or(false),
            buildpack_id: self.buildpack_id.to_owned(),
            working_dir: process.working_dir,
            exec_env: process.exec_env,
        };
        Ok(NewProcess { process, is_default })
    }
}

/// The processes of all buildpacks so far.
#[derive(Debug, Default)]
pub(super) struct ProcessTable {
    by_type: BTreeMap<String, Process>,
    default_type: String,
}

impl ProcessTable {
    /// Adds the processes of a buildpack. Returns the type that was the default and is no longer.
    pub(super) fn add(&mut self, processes: Vec<NewProcess>) -> Option<String> {
        let mut lost = None;
        for NewProcess { process, is_default } in processes {
            if is_default {
                self.default_type.clone_from(&process.process_type);
                lost = None;
            } else if !self.default_type.is_empty() && process.process_type == self.default_type {
                lost = Some(std::mem::take(&mut self.default_type));
            }
            self.by_type.insert(process.process_type.clone(), process);
        }
        lost
    }

    /// The default type, empty if there is none, and the processes by type.
    pub(super) fn into_parts(self) -> (String, Vec<Process>) {
        (self.default_type, self.by_type.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(api: &str, text: &str) -> Result<(Launch, Vec<String>), BuildpackOutputError> {
        let features = BuildpackFeatures::for_api(api.parse().unwrap());
        let rules = Rules { features, api, buildpack_id: "a" };
        rules.check(toml::from_str(text).unwrap(), Path::new("launch.toml"))
    }

    #[test]
    fn each_api_has_its_form_of_a_command() {
        let text = "[[processes]]\ntype = \"web\"\ncommand = \"run it\"\nworking-dir = \"/x\"\n";
        let list = "[[processes]]\ntype = \"web\"\ncommand = [\"run\", \"it\"]\nworking-dir = \"/x\"\n";
        let direct = "[[processes]]\ntype = \"web\"\ndirect = true\n";
        for (api, is_list, has_directory) in
            [("0.7", false, false), ("0.8", false, true), ("0.9", true, true), ("0.12", true, true)]
        {
            let (good, bad) = if is_list { (list, text) } else { (text, list) };
            let (launch, dropped) = check(api, good).unwrap();
            let process = &launch.processes[0].process;
            assert_eq!((process.direct, process.command.len()), (is_list, if is_list { 2 } else { 1 }), "{api}");
            assert_eq!((process.working_dir.is_empty(), dropped.len()), (!has_directory, usize::from(!has_directory)));
            assert!(matches!(check(api, bad), Err(BuildpackOutputError::CommandForm { .. })), "{api}");
            assert_eq!(check(api, direct).is_err(), is_list, "{api}");
        }
    }

    #[test]
    fn one_buildpack_has_one_default() {
        let text = "[[processes]]\ntype = \"a\"\ndefault = true\n[[processes]]\ntype = \"b\"\ndefault = true\n";
        let error = check("0.9", text).unwrap_err().to_string();
        assert_eq!(error, "launch.toml: multiple default process types aren't allowed");
    }

    /// `web*`: a process; the star makes it the default.
    fn merge(buildpacks: &[&str]) -> (String, String, Vec<Option<String>>) {
        let mut table = ProcessTable::default();
        let mut lost = Vec::new();
        for (at, buildpack) in buildpacks.iter().enumerate() {
            let process = |word: &str| NewProcess {
                process: Process {
                    process_type: word.trim_end_matches('*').into(),
                    buildpack_id: at.to_string(),
                    ..Default::default()
                },
                is_default: word.ends_with('*'),
            };
            lost.push(table.add(buildpack.split_whitespace().map(process).collect()));
        }
        let (default, processes) = table.into_parts();
        let words: Vec<_> = processes.iter().map(|p| format!("{}:{}", p.process_type, p.buildpack_id)).collect();
        (default, words.join(" "), lost)
    }

    #[test]
    fn the_last_definition_wins() {
        assert_eq!(merge(&["web* b", "b a"]), ("web".into(), "a:1 b:1 web:0".into(), vec![None, None]));
        assert_eq!(merge(&["web*", "other*"]), ("other".into(), "other:1 web:0".into(), vec![None, None]));
        assert_eq!(merge(&["web*", "web"]), (String::new(), "web:1".into(), vec![None, Some("web".into())]));
        assert_eq!(merge(&["web*", "web x*"]), ("x".into(), "web:1 x:1".into(), vec![None, None]));
        assert_eq!(merge(&["a", "b"]), (String::new(), "a:0 b:1".into(), vec![None, None]));
    }
}
