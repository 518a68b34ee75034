//! exec.d: programs of the layers that compute environment variables when the process starts (Buildpack interface
//! specification, "exec.d").
//!
//! Such a program writes one TOML table of strings to file descriptor 3. Everything else is refused: a program that
//! fails, output that is no TOML, values that are no strings, names that no variable can have.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use baler_cnb::environment::{Environment, EnvironmentError};
use command_fds::{CommandFdExt as _, FdMapping};

/// Where a program writes its table.
const OUTPUT_DESCRIPTOR: i32 = 3;

/// Why the output of an exec.d program cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("output on file descriptor 3 is not UTF-8")]
    NotUtf8(#[source] std::str::Utf8Error),
    #[error("output on file descriptor 3 is not TOML")]
    Syntax(#[source] toml::de::Error),
    #[error("output on file descriptor 3: the value of '{0}' is not a string")]
    NotString(String),
    #[error("output on file descriptor 3")]
    NotVariable(#[source] EnvironmentError),
}

/// Why an exec.d program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ExecDError {
    #[error("start {}", path.display())]
    Start { path: PathBuf, source: io::Error },
    #[error("{} failed: {status}", path.display())]
    Failed { path: PathBuf, status: ExitStatus },
    #[error("read what {} wrote", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}", path.display())]
    Output { path: PathBuf, source: OutputError },
}

/// Runs the program in the current directory with `environment`, and sets the variables that it gives.
pub fn run(path: &Path, environment: &mut Environment) -> Result<(), ExecDError> {
    let output = output_of(path, environment)?;
    apply(&output, environment).map_err(|source| ExecDError::Output { path: path.to_owned(), source })
}

/// Sets the variables of a program's output, whatever they were before.
pub fn apply(output: &[u8], environment: &mut Environment) -> Result<(), OutputError> {
    let text = std::str::from_utf8(output).map_err(OutputError::NotUtf8)?;
    let table = toml::de::DeTable::parse(text).map_err(OutputError::Syntax)?;
    for (name, value) in table.get_ref() {
        let name: &str = name.get_ref();
        let value = value.get_ref().as_str().ok_or_else(|| OutputError::NotString(name.to_owned()))?;
        environment.set_checked(OsStr::new(name), value.as_bytes()).map_err(OutputError::NotVariable)?;
    }
    Ok(())
}

fn output_of(path: &Path, environment: &Environment) -> Result<Vec<u8>, ExecDError> {
    let start_error = |source| ExecDError::Start { path: path.to_owned(), source };
    let (mut reader, writer) = io::pipe().map_err(start_error)?;
    let mut command = Command::new(path);
    command.stdin(Stdio::null()).env_clear().envs(environment.iter());
    command
        .fd_mappings(vec![FdMapping { parent_fd: writer.into(), child_fd: OUTPUT_DESCRIPTOR }])
        .expect("one mapping cannot collide");
    let mut child = command.spawn().map_err(start_error)?;
    // The command holds our end for writing; as long as it is open, reading never ends.
    drop(command);
    let mut output = Vec::new();
    let read = reader.read_to_end(&mut output);
    let status = child.wait().map_err(start_error)?;
    if !status.success() {
        return Err(ExecDError::Failed { path: path.to_owned(), status });
    }
    read.map_err(|source| ExecDError::Read { path: path.to_owned(), source })?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_what_it_is_given() {
        let mut environment: Environment = [("A", "old"), ("B", "kept")].into_iter().collect();
        apply(b"A = 'new'\n\"C.D\" = \"two\\nlines\"\nEMPTY = ''\n", &mut environment).unwrap();
        for (name, expected) in [("A", "new"), ("B", "kept"), ("C.D", "two\nlines"), ("EMPTY", "")] {
            assert_eq!(environment.get(name).unwrap(), expected, "{name}");
        }
        apply(b"", &mut environment).unwrap();
    }

    #[test]
    fn reads_what_libcnb_writes() {
        use libcnb_data::exec_d::{ExecDProgramOutput, ExecDProgramOutputKey};
        let values = [("A", "plain"), ("B_1", "two\nlines \"quoted\" \\ '''"), ("C-D", "")];
        let key = |name: &str| name.parse::<ExecDProgramOutputKey>().unwrap();
        let theirs = ExecDProgramOutput::from(values.map(|(name, value)| (key(name), value)));
        let mut environment = Environment::new();
        apply(toml::to_string(&theirs).unwrap().as_bytes(), &mut environment).unwrap();
        for (name, value) in values {
            assert_eq!(environment.get(name).unwrap(), value, "{name}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for output in ["A = 1", "A = ['x']", "[A]\nB = 'c'", "A.B = 'c'", "[[A]]\nB = 'c'"] {
            let error = apply(output.as_bytes(), &mut Environment::new()).unwrap_err();
            assert!(matches!(&error, OutputError::NotString(name) if name == "A"), "{output}: {error:?}");
        }
        for output in ["A", "A = 'x'\nA = 'y'", "A = x"] {
            let error = apply(output.as_bytes(), &mut Environment::new()).unwrap_err();
            assert!(matches!(error, OutputError::Syntax(_)), "{output}: {error:?}");
        }
        for output in ["'' = 'x'", "'A=B' = 'x'", "A = \"\\u0000\""] {
            let error = apply(output.as_bytes(), &mut Environment::new()).unwrap_err();
            assert!(matches!(error, OutputError::NotVariable(_)), "{output}: {error:?}");
        }
        assert!(matches!(apply(b"A = '\xff'", &mut Environment::new()), Err(OutputError::NotUtf8(_))));
    }
}
