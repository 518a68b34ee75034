//! Which process starts, and what becomes of the user's arguments (Platform interface specification, "launcher":
//! "Inputs" and "user-provided arguments").

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use baler_cnb::api::{BuildpackApi, BuildpackApiError};
use baler_cnb::features::{BuildpackFeatures, PlatformFeatures};
use baler_cnb::metadata::{GroupModule, Metadata};
use baler_cnb::process::Process;

/// What decides.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub features: PlatformFeatures,
    pub metadata: &'a Metadata,
    pub exec_env: &'a str,
    /// The name under which the launcher was called: its last component is the process type.
    pub name: &'a OsStr,
    /// What the user wrote after it.
    pub user_arguments: &'a [OsString],
}

/// The process that was selected, with its final arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `None` for a command of the user's own.
    pub process_type: Option<String>,
    pub command: OsString,
    pub arguments: Vec<OsString>,
    /// Without a shell.
    pub is_direct: bool,
    /// As the buildpack wrote it; empty for the app directory.
    pub working_dir: String,
}

impl Selection {
    /// Where the process starts: its working directory, which may be relative to the app directory, or that itself.
    pub fn directory(&self, app_dir: &Path) -> PathBuf {
        if self.working_dir.is_empty() { app_dir.to_owned() } else { app_dir.join(&self.working_dir) }
    }
}

/// Why nothing can be selected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    #[error("when there is no default process a command is required")]
    NoCommand,
    #[error("process type {process_type} was not found for execution environment '{exec_env}'")]
    NotEligible { process_type: String, exec_env: String },
    #[error("no command provided for process type {0}")]
    EmptyCommand(String),
}

/// A buildpack in metadata.toml whose rules are not known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("set API for buildpack '{id}@{version}'")]
pub struct UnknownBuildpackApi {
    pub id: String,
    pub version: String,
    pub source: BuildpackApiError,
}

/// Refuses buildpacks whose API is not supported.
pub fn check_buildpack_apis(buildpacks: &[GroupModule]) -> Result<(), UnknownBuildpackApi> {
    for GroupModule { id, version, api, .. } in buildpacks {
        if let Err(source) = api.parse::<BuildpackApi>() {
            return Err(UnknownBuildpackApi { id: id.clone(), version: version.clone(), source });
        }
    }
    Ok(())
}

/// Selects the process. Called under the name of a process type, the launcher starts that process; under any other
/// name it starts what the user wrote.
pub fn select(request: &Request<'_>) -> Result<Selection, SelectionError> {
    let name = Path::new(request.name).file_name().and_then(OsStr::to_str).filter(|name| !name.is_empty());
    let known = name.filter(|name| request.metadata.processes.iter().any(|process| process.process_type == *name));
    match known {
        Some(process_type) => select_process(request, process_type),
        None => select_user_command(request.user_arguments),
    }
}

fn select_process(request: &Request<'_>, process_type: &str) -> Result<Selection, SelectionError> {
    let is_eligible = |process: &Process| !request.features.exec_env || process.is_eligible(request.exec_env);
    let mut of_type = request.metadata.processes.iter().filter(|process| process.process_type == process_type);
    let process = of_type.find(|process| is_eligible(process)).ok_or_else(|| SelectionError::NotEligible {
        process_type: process_type.to_owned(),
        exec_env: request.exec_env.to_owned(),
    })?;
    let (command, fixed) = process
        .command
        .split_first()
        .filter(|(command, _)| !command.is_empty())
        .ok_or_else(|| SelectionError::EmptyCommand(process_type.to_owned()))?;
    let defaults = if are_args_replaced(request, process) { &[][..] } else { &process.args };
    let own = fixed.iter().chain(defaults).map(OsString::from);
    Ok(Selection {
        process_type: Some(process_type.to_owned()),
        command: command.into(),
        arguments: own.chain(request.user_arguments.iter().cloned()).collect(),
        is_direct: process.direct,
        working_dir: process.working_dir.clone(),
    })
}

/// Whether user arguments stand in the place of the process's `args`, rather than after them: the platform and the
/// buildpack must both know processes with replaceable arguments. A command of several entries tells by itself that
/// its buildpack does.
fn are_args_replaced(request: &Request<'_>, process: &Process) -> bool {
    if request.user_arguments.is_empty() || !request.features.overridable_process_args {
        return false;
    }
    let buildpacks = &request.metadata.buildpacks;
    let buildpack = buildpacks.iter().find(|buildpack| buildpack.id == process.buildpack_id);
    let api = buildpack.and_then(|buildpack| buildpack.api.parse().ok()).unwrap_or(BuildpackApi::LATEST);
    process.command.len() > 1 || BuildpackFeatures::for_api(api).overridable_process_args
}

/// `-- COMMAND ARGUMENT…` is started as it is, `COMMAND ARGUMENT…` by the shell. A lone `--` is a command.
fn select_user_command(arguments: &[OsString]) -> Result<Selection, SelectionError> {
    let (is_direct, words) = match arguments {
        [dashes, rest @ ..] if dashes == "--" && !rest.is_empty() => (true, rest),
        words => (false, words),
    };
    let (command, arguments) = words.split_first().ok_or(SelectionError::NoCommand)?;
    Ok(Selection { command: command.clone(), arguments: arguments.to_vec(), is_direct, ..Selection::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use baler_cnb::api::PlatformApi;

    const METADATA: &str = r#"
[[buildpacks]]
id = "old"
version = "1"
api = "0.8"
[[buildpacks]]
id = "new"
version = "1"
api = "0.9"

[[processes]]
type = "old"
command = ["run"]
args = ["a"]
buildpack-id = "old"
[[processes]]
type = "string"
command = "run"
args = ["a"]
buildpack-id = "new"
direct = true
[[processes]]
type = "one"
command = ["run"]
args = ["a"]
buildpack-id = "new"
direct = true
working-dir = "/sub"
[[processes]]
type = "many.entries"
command = ["run", "fixed"]
args = ["a", "b"]
buildpack-id = "new"
direct = true
[[processes]]
type = "orphan"
command = ["run"]
args = ["a"]
buildpack-id = "unknown"
direct = true
[[processes]]
type = "empty"
command = ""
[[processes]]
type = "variant"
command = ["test"]
exec-env = ["test"]
[[processes]]
type = "variant"
command = ["production"]
exec-env = ["production", "staging"]
[[processes]]
type = "tests"
command = ["test"]
exec-env = ["test"]
"#;

    fn select_with(api: &str, exec_env: &str, argv: &[&str]) -> Result<Selection, SelectionError> {
        let metadata = Metadata::from_toml(METADATA).unwrap();
        let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
        select(&Request {
            features: PlatformFeatures::for_api(api.parse::<PlatformApi>().unwrap()),
            metadata: &metadata,
            exec_env,
            name: &argv[0],
            user_arguments: &argv[1..],
        })
    }

    fn words(selection: &Selection) -> Vec<&str> {
        let words = std::iter::once(&selection.command).chain(&selection.arguments);
        words.map(|word| word.to_str().unwrap()).collect()
    }

    #[test]
    fn user_arguments_table() {
        // (Platform API, called as, user arguments, what starts)
        let table: [(&str, &str, &[&str], &[&str]); 14] = [
            ("0.9", "one", &[], &["run", "a"]),
            ("0.9", "one", &["u"], &["run", "a", "u"]),
            ("0.9", "string", &["u"], &["run", "a", "u"]),
            ("0.9", "old", &["u"], &["run", "a", "u"]),
            ("0.9", "many.entries", &["u"], &["run", "fixed", "a", "b", "u"]),
            ("0.10", "old", &[], &["run", "a"]),
            ("0.10", "old", &["u"], &["run", "a", "u"]),
            ("0.10", "one", &[], &["run", "a"]),
            ("0.10", "one", &["u", "v"], &["run", "u", "v"]),
            ("0.10", "string", &["u"], &["run", "u"]),
            ("0.10", "many.entries", &[], &["run", "fixed", "a", "b"]),
            ("0.10", "many.entries", &["u"], &["run", "fixed", "u"]),
            ("0.10", "orphan", &["u"], &["run", "u"]),
            ("0.15", "/cnb/process/many.entries", &["--", "u"], &["run", "fixed", "--", "u"]),
        ];
        for (api, name, user, expected) in table {
            let selection = select_with(api, "production", &[&[name], user].concat()).unwrap();
            assert_eq!(words(&selection), expected, "{api} {name} {user:?}");
        }
    }

    #[test]
    fn keeps_what_the_buildpack_said() {
        let selection = select_with("0.12", "production", &["/cnb/process/one"]).unwrap();
        assert_eq!(selection.process_type.as_deref(), Some("one"));
        assert_eq!(selection.working_dir, "/sub");
        assert!(selection.is_direct);
        assert!(!select_with("0.12", "production", &["old"]).unwrap().is_direct);
    }

    #[test]
    fn user_command_table() {
        let table: [(&[&str], &[&str], bool); 4] = [
            (&["--", "echo", "x"], &["echo", "x"], true),
            (&["echo", "x"], &["echo", "x"], false),
            (&["--"], &["--"], false),
            (&["one"], &["one"], false),
        ];
        for (user, expected, is_direct) in table {
            for name in ["launcher", "/cnb/process/missing", "", ".."] {
                let selection = select_with("0.12", "production", &[&[name], user].concat()).unwrap();
                assert_eq!(
                    (words(&selection).as_slice(), selection.is_direct),
                    (expected, is_direct),
                    "{name} {user:?}"
                );
                assert_eq!(selection.process_type, None);
            }
        }
        assert_eq!(select_with("0.12", "production", &["launcher"]), Err(SelectionError::NoCommand));
    }

    #[test]
    fn the_first_eligible_process_of_a_type_starts() {
        for (api, exec_env, expected) in
            [("0.15", "test", "test"), ("0.15", "staging", "production"), ("0.14", "production", "test")]
        {
            let selection = select_with(api, exec_env, &["variant"]).unwrap();
            assert_eq!(words(&selection), [expected], "{api} {exec_env}");
        }
        let error = select_with("0.15", "production", &["tests", "echo"]).unwrap_err();
        assert!(error.to_string().starts_with("process type tests was not found"), "{error}");
    }

    #[test]
    fn an_empty_command_is_an_error() {
        let error = select_with("0.12", "production", &["empty"]).unwrap_err();
        assert_eq!(error.to_string(), "no command provided for process type empty");
    }

    #[test]
    fn refuses_buildpacks_of_another_time() {
        let module =
            |api: &str| GroupModule { id: "b".into(), version: "1".into(), api: api.into(), ..GroupModule::default() };
        assert_eq!(check_buildpack_apis(&[module("0.7"), module("0.12")]), Ok(()));
        for api in ["", "0.6", "0.13", "x"] {
            let error = check_buildpack_apis(&[module("0.7"), module(api)]).unwrap_err();
            assert_eq!(error.to_string(), "set API for buildpack 'b@1'");
        }
    }
}
