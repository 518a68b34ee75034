//! Direct starts: the program is found and executed without a shell.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use baler_cnb::environment::Environment;

use crate::Start;
use crate::selection::Selection;

/// A command that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    #[error("path lookup: executable file '{}' not found in PATH '{}'", command.display(), path.display())]
    NotInPath { command: OsString, path: OsString },
    #[error("path lookup: '{}' is not an executable file", path.display())]
    NotExecutable { path: PathBuf },
}

/// Plans a direct start. `is_executable` tells whether a path is a file that may be executed.
pub fn plan(
    selection: Selection,
    environment: Environment,
    app_dir: &Path,
    is_executable: impl Fn(&Path) -> bool,
) -> Result<Start, LookupError> {
    let working_dir = selection.directory(app_dir);
    let command = &selection.command;
    let program = if command.as_bytes().contains(&b'/') {
        // Relative to where the process runs; but some write it relative to the app directory in any case.
        let paths = [&working_dir, app_dir].map(|directory: &Path| directory.join(command));
        let found = paths.iter().find(|path| is_executable(path)).cloned();
        let [path, _] = paths;
        found.ok_or(LookupError::NotExecutable { path })
    } else {
        let path = environment.get("PATH").unwrap_or_default();
        let found = candidates(command, path).into_iter().find(|candidate| is_executable(candidate));
        found.ok_or_else(|| LookupError::NotInPath { command: command.clone(), path: path.to_owned() })
    }?;
    Ok(Start { program, name: selection.command, arguments: selection.arguments, environment, working_dir })
}

/// Where `command` may lie. Relative elements of PATH are passed over: which file they mean depends on the directory.
fn candidates(command: &OsStr, path: &OsStr) -> Vec<PathBuf> {
    let directories = std::env::split_paths(path).filter(|directory| directory.is_absolute());
    directories.map(|directory| directory.join(command)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup_table() {
        let executables = ["/bin/tool", "/mine/tool", "/app/run", "/app/sub/both", "/app/both", "/app/sub/only"];
        // (command, working-dir, program)
        let table = [
            ("tool", "", Some("/mine/tool")),
            ("missing", "", None),
            ("run", "", None),
            ("./run", "", Some("/app/./run")),
            ("./run", "/app/sub", Some("/app/./run")),
            ("./run", "sub", Some("/app/./run")),
            ("./both", "sub", Some("/app/sub/./both")),
            ("./only", "sub", Some("/app/sub/./only")),
            ("/bin/tool", "sub", Some("/bin/tool")),
            ("/bin/missing", "", None),
        ];
        for (command, working_dir, expected) in table {
            let selection =
                Selection { command: command.into(), working_dir: working_dir.into(), ..Selection::default() };
            let environment = [("PATH", "relative::.:/none:/mine:/bin")].into_iter().collect();
            let is_executable = |path: &Path| executables.iter().any(|executable| path == Path::new(executable));
            let start = plan(selection, environment, Path::new("/app"), is_executable);
            assert_eq!(
                start.map(|start| start.program).ok(),
                expected.map(PathBuf::from),
                "{command} in {working_dir}"
            );
        }
    }

    #[test]
    fn the_process_sees_the_command_as_written() {
        let selection = Selection {
            command: "./run".into(),
            arguments: vec!["$HOME".into(), "*".into()],
            working_dir: "sub".into(),
            ..Selection::default()
        };
        let start = plan(selection, Environment::new(), Path::new("/app"), |_| true).unwrap();
        assert_eq!(start.name, "./run");
        assert_eq!(start.arguments, ["$HOME", "*"]);
        assert_eq!(start.working_dir, Path::new("/app/sub"));
    }

    #[test]
    fn says_where_it_looked() {
        let selection = Selection { command: "tool".into(), ..Selection::default() };
        let environment = [("PATH", "/a:/b")].into_iter().collect();
        let error = plan(selection, environment, Path::new("/app"), |_| false).unwrap_err();
        assert_eq!(error.to_string(), "path lookup: executable file 'tool' not found in PATH '/a:/b'");

        let selection = Selection { command: "bin/x".into(), working_dir: "sub".into(), ..Selection::default() };
        let error = plan(selection, Environment::new(), Path::new("/app"), |_| false).unwrap_err();
        assert_eq!(error.to_string(), "path lookup: '/app/sub/bin/x' is not an executable file");
    }
}
