//! How layers and platforms change the environment (Buildpack interface specification, "Environment"): the names of
//! files are actions, the contents are taken verbatim, no shell is involved.
//!
//! Everything is a pure function of a variable map and of (file name, contents) lists; reading directories is up to
//! the caller. Names with `=` and contents with a NUL byte, which no process could be given, are refused.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

/// A file of an environment directory: its name and its contents.
pub type EnvironmentFile = (OsString, Vec<u8>);

/// The variables of a process, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

/// A file that cannot become a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    #[error("'{}' is not the name of an environment variable", .0.display())]
    InvalidName(OsString),
    #[error("the value of environment variable '{}' contains a NUL byte", .0.display())]
    NulByte(OsString),
}

/// What a file does to the variable before the first dot of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `NAME.append`: after the old value, with the delimiter between.
    Append,
    /// `NAME.default`: only if there is no value or an empty one.
    Default,
    /// `NAME.override`, and `NAME` in a layer.
    Override,
    /// `NAME.prepend`: before the old value, with the delimiter between.
    Prepend,
    /// `NAME.`: like `prepend`, with `:` where no delimiter is given. Specified nowhere, but layers may rely on it.
    PrependPath,
}

/// When a layer's directories are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Build,
    Launch,
}

/// Directories of a layer that are prepended to path variables, during build: (directory, variables).
const BUILD_ROOT_DIRECTORIES: &[(&str, &[&str])] = &[
    ("bin", &["PATH"]),
    ("include", &["CPATH"]),
    ("lib", &["LD_LIBRARY_PATH", "LIBRARY_PATH"]),
    ("pkgconfig", &["PKG_CONFIG_PATH"]),
];

/// The same at launch.
const LAUNCH_ROOT_DIRECTORIES: &[(&str, &[&str])] = &[("bin", &["PATH"]), ("lib", &["LD_LIBRARY_PATH"])];

/// The directories of a layer that are prepended to path variables, with these variables.
pub fn root_directories(phase: Phase) -> &'static [(&'static str, &'static [&'static str])] {
    match phase {
        Phase::Build => BUILD_ROOT_DIRECTORIES,
        Phase::Launch => LAUNCH_ROOT_DIRECTORIES,
    }
}

/// Whether platform environment is prepended to `name` rather than put in its place.
pub fn is_path_variable(name: &OsStr) -> bool {
    BUILD_ROOT_DIRECTORIES.iter().any(|(_, variables)| variables.iter().any(|variable| name == *variable))
}

impl Environment {
    /// An environment without variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `name`, if it is set.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.variables.get(name.as_ref()).map(OsString::as_os_str)
    }

    /// Sets `name`, whatever it was.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.variables.insert(name.into(), value.into());
    }

    /// Removes `name`.
    pub fn remove(&mut self, name: impl AsRef<OsStr>) {
        self.variables.remove(name.as_ref());
    }

    /// All variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Prepends the directories of `layer` that exist to their path variables. `layer` should be absolute.
    pub fn prepend_root_directories(&mut self, phase: Phase, layer: &Path, exists: impl Fn(&Path) -> bool) {
        for (directory, variables) in root_directories(phase) {
            let path = layer.join(directory);
            if exists(&path) {
                for variable in *variables {
                    self.join(variable.as_ref(), path.as_os_str().as_bytes(), b":", Side::Front);
                }
            }
        }
    }

    /// Applies the files of one environment directory, in the order of their names. `unsuffixed` is what a file
    /// without a suffix does: [`Action::Override`] in a layer, [`Action::Default`] in a build-config directory.
    /// Files with an unknown suffix are ignored.
    pub fn apply_files(&mut self, files: &[EnvironmentFile], unsuffixed: Action) -> Result<(), EnvironmentError> {
        let mut sorted: Vec<_> = files.iter().collect();
        sorted.sort_by_key(|(name, _)| name.as_os_str());
        for (file_name, contents) in sorted {
            let (name, suffix) = split_file_name(file_name);
            let Some(action) = action(suffix, unsuffixed) else { continue };
            check(file_name, name, contents)?;
            let delimiter = delimiter(files, name);
            self.apply(action, name, contents, delimiter);
        }
        Ok(())
    }

    /// Applies the files of `<platform>/env`: the whole file name is the variable. Path variables are prepended to,
    /// all others replaced.
    pub fn apply_platform_files(&mut self, files: &[EnvironmentFile]) -> Result<(), EnvironmentError> {
        for (name, contents) in files {
            check(name, name, contents)?;
            let action = if is_path_variable(name) { Action::PrependPath } else { Action::Override };
            self.apply(action, name, contents, None);
        }
        Ok(())
    }

    /// Sets a variable whose name is not known to be possible, such as one of the output of exec.d programs.
    pub fn set_checked(&mut self, name: &OsStr, value: &[u8]) -> Result<(), EnvironmentError> {
        check(name, name, value)?;
        self.set(name, OsStr::from_bytes(value));
        Ok(())
    }

    fn apply(&mut self, action: Action, name: &OsStr, value: &[u8], delimiter: Option<&[u8]>) {
        match action {
            Action::Append => self.join(name, value, delimiter.unwrap_or_default(), Side::Back),
            Action::Prepend => self.join(name, value, delimiter.unwrap_or_default(), Side::Front),
            Action::PrependPath => self.join(name, value, delimiter.unwrap_or(b":"), Side::Front),
            Action::Override => self.set(name, OsStr::from_bytes(value)),
            Action::Default => {
                if self.get(name).is_none_or(OsStr::is_empty) {
                    self.set(name, OsStr::from_bytes(value));
                }
            }
        }
    }

    /// Puts `value` beside the old one; without an old one there is nothing to delimit.
    fn join(&mut self, name: &OsStr, value: &[u8], delimiter: &[u8], side: Side) {
        let old = self.get(name).unwrap_or_default().as_bytes();
        let joined = match (old.is_empty(), side) {
            (true, _) => value.to_vec(),
            (false, Side::Front) => [value, delimiter, old].concat(),
            (false, Side::Back) => [old, delimiter, value].concat(),
        };
        self.set(name, OsString::from_vec(joined));
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

/// Where a new value goes.
#[derive(Clone, Copy)]
enum Side {
    Front,
    Back,
}

/// The variable and what follows the first dot, if there is one.
fn split_file_name(file_name: &OsStr) -> (&OsStr, Option<&[u8]>) {
    let bytes = file_name.as_bytes();
    match bytes.iter().position(|byte| *byte == b'.') {
        Some(dot) => (OsStr::from_bytes(&bytes[..dot]), Some(&bytes[dot + 1..])),
        None => (file_name, None),
    }
}

fn action(suffix: Option<&[u8]>, unsuffixed: Action) -> Option<Action> {
    match suffix {
        None => Some(unsuffixed),
        Some(b"append") => Some(Action::Append),
        Some(b"default") => Some(Action::Default),
        Some(b"override") => Some(Action::Override),
        Some(b"prepend") => Some(Action::Prepend),
        Some(b"") => Some(Action::PrependPath),
        Some(_) => None,
    }
}

/// The contents of `NAME.delim` among the files of the same directory.
fn delimiter<'a>(files: &'a [EnvironmentFile], name: &OsStr) -> Option<&'a [u8]> {
    let mut file_name = name.to_owned();
    file_name.push(".delim");
    files.iter().find(|(other, _)| *other == file_name).map(|(_, contents)| contents.as_slice())
}

fn check(file_name: &OsStr, name: &OsStr, contents: &[u8]) -> Result<(), EnvironmentError> {
    if name.is_empty() || name.as_bytes().contains(&b'=') {
        return Err(EnvironmentError::InvalidName(file_name.to_owned()));
    }
    if contents.contains(&0) {
        return Err(EnvironmentError::NulByte(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Vec<EnvironmentFile> {
        list.iter().map(|(name, contents)| (name.into(), contents.as_bytes().to_vec())).collect()
    }

    fn value(environment: &Environment, name: &str) -> String {
        environment.get(name).unwrap_or_default().to_str().unwrap().to_owned()
    }

    #[test]
    fn action_table() {
        type Files<'a> = &'a [(&'a str, &'a str)];
        // (variable before, files, variable afterwards)
        let table: [(Option<&str>, Files<'_>, &str); 17] = [
            (Some("old"), &[("V", "new")], "new"),
            (Some("old"), &[("V.override", "new")], "new"),
            (Some("old"), &[("V.append", "new")], "oldnew"),
            (Some("old"), &[("V.append", "new"), ("V.delim", ", ")], "old, new"),
            (Some(""), &[("V.append", "new"), ("V.delim", ", ")], "new"),
            (None, &[("V.append", "new"), ("V.delim", ", ")], "new"),
            (Some("old"), &[("V.prepend", "new")], "newold"),
            (Some("old"), &[("V.prepend", "new"), ("V.delim", ":")], "new:old"),
            (None, &[("V.prepend", "new"), ("V.delim", ":")], "new"),
            (Some("old"), &[("V.default", "new")], "old"),
            (Some(""), &[("V.default", "new")], "new"),
            (None, &[("V.default", "new")], "new"),
            (Some("old"), &[("V.", "new")], "new:old"),
            (Some("old"), &[("V.", "new"), ("V.delim", ";")], "new;old"),
            (Some("old"), &[("V.unknown", "new"), ("V.append.x", "new")], "old"),
            (Some("old"), &[("V", "two\nlines\n")], "two\nlines\n"),
            // By name: `V` first, then `.append`, then `.default`, which finds a value.
            (Some("old"), &[("V.default", "d"), ("V.append", "a"), ("V", "v")], "va"),
        ];
        for (before, list, expected) in table {
            let mut environment: Environment = before.iter().map(|value| ("V", *value)).collect();
            environment.apply_files(&files(list), Action::Override).unwrap();
            assert_eq!(value(&environment, "V"), expected, "{before:?} {list:?}");
        }
    }

    #[test]
    fn build_config_files_are_defaults() {
        let mut environment: Environment = [("SET", "user")].into_iter().collect();
        environment.apply_files(&files(&[("SET", "operator"), ("UNSET", "operator")]), Action::Default).unwrap();
        assert_eq!(value(&environment, "SET"), "user");
        assert_eq!(value(&environment, "UNSET"), "operator");
    }

    #[test]
    fn platform_files_replace_all_but_paths() {
        let mut environment: Environment = [("PATH", "/bin"), ("CPATH", ""), ("A", "old")].into_iter().collect();
        let list = [("PATH", "/mine"), ("CPATH", "/include"), ("A", "new"), ("B.append", "dotted")];
        environment.apply_platform_files(&files(&list)).unwrap();
        for (name, expected) in [("PATH", "/mine:/bin"), ("CPATH", "/include"), ("A", "new"), ("B.append", "dotted")] {
            assert_eq!(value(&environment, name), expected);
        }
    }

    #[test]
    fn root_directories_differ_between_build_and_launch() {
        let mut build: Environment = [("PATH", "/bin")].into_iter().collect();
        let mut launch = build.clone();
        let exists = |path: &Path| !path.ends_with("pkgconfig");
        build.prepend_root_directories(Phase::Build, Path::new("/layers/a/l"), exists);
        launch.prepend_root_directories(Phase::Launch, Path::new("/layers/a/l"), exists);
        let names = |environment: &Environment| -> Vec<String> {
            environment.iter().map(|(name, _)| name.to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&build), ["CPATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "PATH"]);
        assert_eq!(names(&launch), ["LD_LIBRARY_PATH", "PATH"]);
        assert_eq!(value(&build, "PATH"), "/layers/a/l/bin:/bin");
        assert_eq!(value(&build, "LD_LIBRARY_PATH"), "/layers/a/l/lib");
    }

    #[test]
    fn refuses_what_no_process_can_be_given() {
        let mut environment = Environment::new();
        for name in ["A=B", "A=B.append", ".append"] {
            let result = environment.apply_files(&files(&[(name, "x")]), Action::Override);
            assert_eq!(result, Err(EnvironmentError::InvalidName(name.into())), "{name}");
        }
        let result = environment.apply_files(&files(&[("A", "x\0y")]), Action::Override);
        assert_eq!(result, Err(EnvironmentError::NulByte("A".into())));
        // What is ignored is not looked at.
        environment.apply_files(&files(&[(".hidden", ""), ("A=B.swp", "")]), Action::Override).unwrap();
        assert_eq!(environment, Environment::new());
    }

    #[test]
    fn values_need_not_be_text() {
        let mut environment = Environment::new();
        environment.apply_files(&[("RAW".into(), vec![0xff, 0xfe])], Action::Override).unwrap();
        assert_eq!(environment.get("RAW").unwrap().as_bytes(), [0xff, 0xfe]);
    }
}
