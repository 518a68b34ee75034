//! Build-time variables of `--env` and `--env-file` (platform-behaviour: pack's "Flag kinds", `-e`, `--env-file`).
//!
//! An entry is `NAME=VALUE`, or `NAME`, which takes the value from the environment of the program; empty if it is
//! not set there. `--env` goes before `--env-file`; later entries go before earlier ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Variables by name, as they become files of the platform directory.
pub type Variables = BTreeMap<String, String>;

/// Why the variables could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VariablesError {
    #[error("could not read the variables of {}", path.display())]
    ReadFile { path: PathBuf, source: std::io::Error },
    #[error("'{entry}' is not a variable: the name before '=' must not be empty or contain '/'")]
    WrongName { entry: String },
    #[error("variable '{name}' has a NUL byte in its value")]
    Nul { name: String },
}

/// Reads files first, then flags over them. `host` looks a name up in the program's own environment.
pub fn read(
    files: &[PathBuf],
    flags: &[String],
    host: &dyn Fn(&str) -> Option<String>,
) -> Result<Variables, VariablesError> {
    let mut variables = Variables::new();
    for path in files {
        for entry in read_file(path)? {
            insert(&mut variables, &entry, host)?;
        }
    }
    for entry in flags {
        insert(&mut variables, entry, host)?;
    }
    Ok(variables)
}

/// One entry a line, trimmed, blank lines left out. There are no comments and no quotes, as in pack.
fn read_file(path: &Path) -> Result<Vec<String>, VariablesError> {
    let text =
        fs_err::read_to_string(path).map_err(|source| VariablesError::ReadFile { path: path.to_owned(), source })?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn insert(variables: &mut Variables, entry: &str, host: &dyn Fn(&str) -> Option<String>) -> Result<(), VariablesError> {
    let (name, value) = match entry.split_once('=') {
        Some((name, value)) => (name, value.to_owned()),
        None => (entry, host(entry).unwrap_or_default()),
    };
    // The name becomes a file name.
    if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
        return Err(VariablesError::WrongName { entry: entry.to_owned() });
    }
    if value.contains('\0') {
        return Err(VariablesError::Nul { name: name.to_owned() });
    }
    variables.insert(name.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_before_files_and_later_before_earlier() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("env");
        fs_err::write(&path, "A=file\n\n  B=\"quoted\"  \nHOST\nABSENT\n").unwrap();
        let host = |name: &str| (name == "HOST").then(|| "from host".to_owned());
        let flags = ["A=flag".to_owned(), "C=1=2".to_owned(), "C=3".to_owned()];
        let variables = read(&[path], &flags, &host).unwrap();
        let expected = [("A", "flag"), ("ABSENT", ""), ("B", "\"quoted\""), ("C", "3"), ("HOST", "from host")];
        assert_eq!(variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn refuses_names_that_are_no_file_names() {
        for entry in ["=x", "a/b=x", "..=x"] {
            assert!(read(&[], &[entry.to_owned()], &|_| None).is_err(), "{entry}");
        }
    }
}
