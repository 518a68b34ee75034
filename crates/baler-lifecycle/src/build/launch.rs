//! launch.toml: the rules of each Buildpack API, and how the processes of several buildpacks become one list.
//!
//! Buildpack specification, "launch.toml (TOML)". A later process takes the place of an earlier one of the same type;
//! the last one marked as default is it, until a later one of its type is not marked.

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
        let mut defaults: Vec<_> = processes.iter().filter(|process| process.default).collect();
        if self.features.exec_env {
            // Several forms of one process, for different execution environments.
            defaults.dedup_by_key(|process| &process.process_type);
        }
        if defaults.len() > 1 {
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
///
/// From Platform API 0.15 on a type may have several processes, each for execution environments of its own. The launcher
/// takes the first that is for the one it is in, so a later definition stands before those that it does not replace.
#[derive(Debug, Default)]
pub(super) struct ProcessTable {
    has_exec_env: bool,
    /// The latest first.
    processes: Vec<NewProcess>,
    default_type: String,
}

impl ProcessTable {
    /// No processes; `has_exec_env`: execution environments matter.
    pub(super) fn new(has_exec_env: bool) -> Self {
        Self { has_exec_env, ..Self::default() }
    }

    /// Adds the processes of a buildpack. Returns the type that was the default and is no longer.
    pub(super) fn add(&mut self, processes: Vec<NewProcess>) -> Option<String> {
        let mut lost = None;
        for new in processes {
            let process_type = new.process.process_type.clone();
            let is_replaced = |old: &Process| {
                old.process_type == process_type && !(self.has_exec_env && is_left_over(old, &new.process))
            };
            self.processes.retain(|old| !is_replaced(&old.process));
            let is_default = new.is_default;
            self.processes.insert(0, new);
            let mut of_type = self.processes.iter().filter(|other| other.process.process_type == process_type);
            if is_default {
                self.default_type = process_type;
                lost = None;
            } else if !process_type.is_empty()
                && self.default_type == process_type
                && !of_type.any(|other| other.is_default)
            {
                lost = Some(std::mem::take(&mut self.default_type));
            }
        }
        lost
    }

    /// The default type, empty if there is none, and the processes by type.
    pub(super) fn into_parts(self) -> (String, Vec<Process>) {
        let mut processes: Vec<_> = self.processes.into_iter().map(|new| new.process).collect();
        processes.sort_by(|left, right| left.process_type.cmp(&right.process_type));
        (self.default_type, processes)
    }
}

/// Whether there is an execution environment in which `old` may run and `new` may not.
fn is_left_over(old: &Process, new: &Process) -> bool {
    let is_for_all = |process: &Process| process.exec_env.is_empty() || process.exec_env.iter().any(|name| name == "*");
    !is_for_all(new) && (is_for_all(old) || old.exec_env.iter().any(|name| !new.is_eligible(name)))
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
    fn each_execution_environment_has_the_latest_definition_for_it() {
        type Case<'a> = (&'a [(&'a str, &'a str, bool)], &'a str, &'a str);
        let process = |(id, exec_env, is_default): &(&str, &str, bool)| NewProcess {
            process: Process {
                process_type: "web".into(),
                buildpack_id: (*id).into(),
                exec_env: exec_env.split_whitespace().map(str::to_owned).collect(),
                ..Default::default()
            },
            is_default: *is_default,
        };
        let table = |has_exec_env, processes: &[(&str, &str, bool)]| {
            let mut table = ProcessTable::new(has_exec_env);
            table.add(processes.iter().map(process).collect());
            let (default, processes) = table.into_parts();
            let ids: Vec<_> = processes.into_iter().map(|process| process.buildpack_id).collect();
            (default, ids.join(" "))
        };
        let cases: [Case<'_>; 6] = [
            (&[("a", "production", true), ("b", "test", false)], "web", "b a"),
            (&[("a", "", true), ("b", "test", false)], "web", "b a"),
            (&[("a", "*", true), ("b", "", false)], "", "b"),
            (&[("a", "test", false), ("b", "test production", true)], "web", "b"),
            (&[("a", "test staging", true), ("b", "test", false)], "web", "b a"),
            (&[("a", "test", true), ("b", "test", false)], "", "b"),
        ];
        for (processes, default, ids) in cases {
            assert_eq!(table(true, processes), (default.to_owned(), ids.to_owned()), "{processes:?}");
        }
        assert_eq!(table(false, cases[0].0), (String::new(), "b".into()), "before Platform API 0.15");
        let text = "[[processes]]\ntype = \"a\"\ndefault = true\nexec-env = [\"test\"]\n";
        let text = format!("{text}{}", text.replace("test", "production"));
        assert_eq!(check("0.12", &text).unwrap().0.processes.len(), 2);
        assert!(check("0.11", &text).is_err());
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
