//! Shell starts: bash sources the profile scripts, changes to the working directory, and becomes a second bash that
//! runs the command (Buildpack interface specification < 0.9, "Launch"; user commands without `--`).
//!
//! The shell is always `/bin/bash`: the scripts are written for it, and another shell would fail in subtle ways.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use baler_cnb::environment::Environment;

use crate::Start;
use crate::failure::LAUNCH_FAILED;
use crate::selection::Selection;

/// What surrounds the command.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    pub app_dir: &'a Path,
    /// The name under which the launcher was called: what profile scripts see as `$0`.
    pub name: &'a OsStr,
    /// Scripts to source, in order; absolute.
    pub profiles: &'a [PathBuf],
}

/// The only shell.
pub const BASH: &str = "/bin/bash";

/// Plans a shell start.
pub fn plan(selection: Selection, environment: Environment, surroundings: &Surroundings<'_>) -> Start {
    let working_dir = selection.directory(surroundings.app_dir);
    let mut script = Vec::new();
    for profile in surroundings.profiles {
        script.extend([b"source ", quoted(profile).as_slice(), b"\n"].concat());
    }
    // The same code as when the directory of a direct start is not there.
    script.extend([b"cd ", quoted(&working_dir).as_slice(), b" || exit "].concat());
    script.extend(format!("{LAUNCH_FAILED}\n{}", inner_command(selection.arguments.len())).into_bytes());

    let mut arguments = vec!["-c".into(), OsString::from_vec(script), surroundings.name.to_owned(), selection.command];
    arguments.extend(selection.arguments);
    Start {
        program: BASH.into(),
        name: "bash".into(),
        arguments,
        environment,
        // Profile scripts run in the app directory, whatever the process's own is.
        working_dir: surroundings.app_dir.to_owned(),
    }
}

/// The last line of the script, which finds the command and its arguments in `$@`.
///
/// A command without arguments is a script. With arguments, each word is expanded once, as if it stood between double
/// quotes, and is one word afterwards. `set` and `printf` rather than `echo`, which would swallow words like `-n`.
fn inner_command(arguments: usize) -> String {
    if arguments == 0 {
        return r#"exec bash -c "$@""#.to_owned();
    }
    let expand = |position| format!(r#""$(eval set -- \"${{{position}}}\" && printf %s "$*")""#);
    let words: Vec<_> = (0..=arguments).map(expand).collect();
    format!(r#"exec bash -c '{}' "$@""#, words.join(" "))
}

/// A path that the shell takes literally.
fn quoted(path: &Path) -> Vec<u8> {
    let parts: Vec<&[u8]> = path.as_os_str().as_bytes().split(|byte| *byte == b'\'').collect();
    [b"'", parts.join(&br"'\''"[..]).as_slice(), b"'"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(command: &str, arguments: &[&str], working_dir: &str, profiles: &[&str]) -> Vec<String> {
        let selection = Selection {
            command: command.into(),
            arguments: arguments.iter().map(OsString::from).collect(),
            working_dir: working_dir.into(),
            ..Selection::default()
        };
        let profiles: Vec<_> = profiles.iter().map(PathBuf::from).collect();
        let surroundings = Surroundings { app_dir: Path::new("/app"), name: "launcher".as_ref(), profiles: &profiles };
        let start = plan(selection, Environment::new(), &surroundings);
        assert_eq!((start.program.as_path(), start.name.to_str()), (Path::new("/bin/bash"), Some("bash")));
        assert_eq!(start.working_dir, Path::new("/app"));
        start.arguments.into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn a_command_without_arguments_is_a_script() {
        let script = "source '/l/a/p/profile.d/it'\\''s $HOME'\nsource '/app/.profile'\ncd '/app' || exit 82\nexec bash -c \"$@\"";
        let argv = planned("echo $HOME", &[], "", &["/l/a/p/profile.d/it's $HOME", "/app/.profile"]);
        assert_eq!(argv, ["-c", script, "launcher", "echo $HOME"]);
    }

    #[test]
    fn words_are_expanded_one_by_one() {
        let script = r#"cd '/app/sub' || exit 82
exec bash -c '"$(eval set -- \"${0}\" && printf %s "$*")" "$(eval set -- \"${1}\" && printf %s "$*")"' "$@""#;
        assert_eq!(planned("echo", &["$A b"], "sub", &[]), ["-c", script, "launcher", "echo", "$A b"]);
    }
}
