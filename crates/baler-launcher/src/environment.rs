//! The environment of the process: what the container was given, changed by the layers (Buildpack interface
//! specification, "Environment variable modification rules"; "Provided by the lifecycle").

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use baler_cnb::environment::{Action, Environment, EnvironmentError, EnvironmentFile, Phase};

/// Variables that speak to the launcher and would confuse a launcher that the process starts.
const OWN_VARIABLES: [&str; 5] =
    ["CNB_APP_DIR", "CNB_DEPRECATION_MODE", "CNB_LAYERS_DIR", "CNB_PLATFORM_API", "CNB_PROCESS_TYPE"];

/// Directories that are on the image's PATH only so that the launcher is found under the names of process types.
const OWN_DIRECTORIES: [&[u8]; 2] = [b"/cnb/process", b"/cnb/lifecycle"];

/// What a launch layer does to the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerEnvironment {
    /// The layer's directory.
    pub path: PathBuf,
    /// Which of its root directories exist.
    pub root_directories: Vec<PathBuf>,
    /// Environment directories that apply, in order: path and files.
    pub directories: Vec<(PathBuf, Vec<EnvironmentFile>)>,
}

/// An environment directory that holds something that cannot be a variable.
#[derive(Debug, thiserror::Error)]
#[error("environment directory {}", path.display())]
pub struct ModifyEnvironmentError {
    pub path: PathBuf,
    pub source: EnvironmentError,
}

/// The container's environment without what is meant for the launcher.
pub fn base_environment(container: &Environment) -> Environment {
    let is_own = |name: &OsStr| OWN_VARIABLES.iter().any(|own| name == *own);
    let mut environment: Environment = container.iter().filter(|(name, _)| !is_own(name)).collect();
    if let Some(path) = container.get("PATH") {
        let elements = path.as_bytes().split(|byte| *byte == b':');
        let kept: Vec<&[u8]> = elements.filter(|element| !OWN_DIRECTORIES.contains(element)).collect();
        environment.set("PATH", std::ffi::OsString::from_vec(kept.join(&b':')));
    }
    environment
}

/// Applies the layers of one buildpack, which are given by name: the root directories of all of them, then their
/// environment files.
pub fn apply_buildpack(
    environment: &mut Environment,
    layers: &[LayerEnvironment],
) -> Result<(), ModifyEnvironmentError> {
    for layer in layers {
        environment.prepend_root_directories(Phase::Launch, &layer.path, |directory| {
            layer.root_directories.iter().any(|existing| existing == directory)
        });
    }
    for (path, files) in layers.iter().flat_map(|layer| &layer.directories) {
        environment
            .apply_files(files, Action::Override)
            .map_err(|source| ModifyEnvironmentError { path: path.clone(), source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(variables: &[(&str, &str)]) -> Vec<String> {
        let container = variables.iter().copied().collect();
        let text = |value: &OsStr| value.to_str().unwrap().to_owned();
        base_environment(&container).iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect()
    }

    #[test]
    fn the_launchers_own_variables_are_removed() {
        let variables = [
            ("CNB_LAYERS_DIR", "/l"),
            ("CNB_APP_DIR", "/a"),
            ("CNB_PROCESS_TYPE", "web"),
            ("CNB_PLATFORM_API", "0.12"),
            ("CNB_DEPRECATION_MODE", "quiet"),
            ("CNB_EXEC_ENV", "test"),
            ("A", "b"),
        ];
        assert_eq!(base(&variables), ["A=b", "CNB_EXEC_ENV=test"]);
    }

    #[test]
    fn path_table() {
        for (before, after) in [
            ("/cnb/process:/cnb/lifecycle:/bin", "/bin"),
            ("/mine:/cnb/process:/bin:/cnb/lifecycle:/usr/bin", "/mine:/bin:/usr/bin"),
            ("/cnb/process", ""),
            ("/cnb/process/x:/cnb/lifecycle/:/bin", "/cnb/process/x:/cnb/lifecycle/:/bin"),
            ("", ""),
        ] {
            assert_eq!(base(&[("PATH", before)]), [format!("PATH={after}")], "{before}");
        }
        assert_eq!(base(&[]), [""; 0]);
    }

    /// A layer with `bin`, and its environment directories.
    fn layer(path: &str, directories: &[(&str, &[(&str, &str)])]) -> LayerEnvironment {
        let path = PathBuf::from(path);
        let files = |list: &[(&str, &str)]| -> Vec<EnvironmentFile> {
            list.iter().map(|(name, contents)| (name.into(), contents.as_bytes().to_vec())).collect()
        };
        LayerEnvironment {
            root_directories: vec![path.join("bin")],
            directories: directories.iter().map(|(name, list)| (path.join(name), files(list))).collect(),
            path,
        }
    }

    #[test]
    fn layers_apply_in_order() {
        let mut environment: Environment =
            [("PATH", "/bin"), ("USER_DEFAULT", "user"), ("USER_OVERRIDE", "user"), ("APP", "user")]
                .into_iter()
                .collect();
        let first = layer(
            "/layers/a/l1",
            &[
                (
                    "env",
                    &[("APP.append", "a1"), ("APP.delim", ":"), ("PLAIN", "plain"), ("USER_DEFAULT.default", "layer")],
                ),
                ("env.launch", &[("PLAIN.prepend", "launch-"), ("USER_OVERRIDE.override", "layer")]),
                ("env.launch/web", &[("APP.append", "web")]),
            ],
        );
        let second = layer("/layers/a/l2", &[("env", &[("APP.append", "a2"), ("TOOL.default", "l2")])]);
        apply_buildpack(&mut environment, &[first, second]).unwrap();
        apply_buildpack(
            &mut environment,
            &[layer("/layers/b/l", &[("env", &[("APP.prepend", "b"), ("APP.delim", "-")])])],
        )
        .unwrap();
        for (name, expected) in [
            ("PATH", "/layers/b/l/bin:/layers/a/l2/bin:/layers/a/l1/bin:/bin"),
            ("APP", "b-user:a1weba2"),
            ("PLAIN", "launch-plain"),
            ("USER_DEFAULT", "user"),
            ("USER_OVERRIDE", "layer"),
            ("TOOL", "l2"),
        ] {
            assert_eq!(environment.get(name), Some(OsStr::new(expected)), "{name}");
        }
    }

    #[test]
    fn a_bad_file_is_named() {
        let error =
            apply_buildpack(&mut Environment::new(), &[layer("/layers/a/l", &[("env", &[("A=B", "x")])])]).unwrap_err();
        assert_eq!(error.to_string(), "environment directory /layers/a/l/env");
        assert_eq!(error.source.to_string(), "'A=B' is not the name of an environment variable");
    }
}
