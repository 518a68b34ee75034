//! Credential helpers: programs `docker-credential-NAME` that are given a registry's address on their standard input and
//! answer with JSON.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::Deserialize;

use crate::credentials::Credentials;

/// What is read of an answer; more is no answer.
const MAXIMUM: u64 = 64 * 1024;

/// Why a helper gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelperError {
    #[error("'{name}' is not a credential helper's name")]
    Name { name: String },
    #[error("could not start {program}")]
    Start { program: String, source: io::Error },
    #[error("{program} did not answer in {} s", timeout.as_secs())]
    TimedOut { program: String, timeout: Duration },
    #[error("{program} failed: {message}")]
    Failed { program: String, message: String },
    #[error("{program} did not answer with credentials")]
    Answer { program: String },
}

/// The program of a helper, and the directories where it may be.
pub(crate) struct Helper<'a> {
    pub(crate) name: &'a str,
    pub(crate) search: &'a [PathBuf],
    pub(crate) timeout: Duration,
}

impl Helper<'_> {
    pub(crate) fn program(&self) -> String {
        format!("docker-credential-{}", self.name)
    }

    /// The credentials for `address`; `None` where the helper has none.
    pub(crate) fn ask(&self, address: &str) -> Result<Option<Credentials>, HelperError> {
        let program = self.program();
        if self.name.is_empty() || self.name.contains('/') {
            return Err(HelperError::Name { name: self.name.to_owned() });
        }
        let found = self.search.iter().map(|directory| directory.join(&program)).find(|path| path.is_file());
        let absent = || HelperError::Start { program: program.clone(), source: io::ErrorKind::NotFound.into() };
        let (is_success, answer) = self.run(&found.ok_or_else(absent)?, address)?;
        if is_success {
            return parse(&answer).map(Some).ok_or(HelperError::Answer { program });
        }
        let message: String =
            String::from_utf8_lossy(&answer).trim().chars().filter(|c| !c.is_control()).take(200).collect();
        // The protocol has no other way to say so: this text is a constant of it.
        if message == "credentials not found in native keychain" {
            return Ok(None);
        }
        Err(HelperError::Failed { program, message })
    }

    fn run(&self, path: &Path, address: &str) -> Result<(bool, Vec<u8>), HelperError> {
        let start = |source| HelperError::Start { program: self.program(), source };
        let mut command = Command::new(path);
        command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(start)?;
        if let Some(mut input) = child.stdin.take() {
            // A helper that does not read its input answers with its own error.
            let _ = input.write_all(address.as_bytes());
        }
        let output = child.stdout.take();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut answer = Vec::new();
            let read = output.map_or(Ok(0), |output| output.take(MAXIMUM).read_to_end(&mut answer));
            // Nobody listens any more after the timeout.
            let _ = sender.send(read.map(|_| answer));
        });
        let Ok(answer) = receiver.recv_timeout(self.timeout) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(HelperError::TimedOut { program: self.program(), timeout: self.timeout });
        };
        let status = child.wait().map_err(start)?;
        Ok((status.success(), answer.map_err(start)?))
    }
}

fn parse(answer: &[u8]) -> Option<Credentials> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    // What helpers write in place of a user where the secret is a refresh token.
    if answer.username == "<token>" {
        return Some(Credentials::Identity(answer.secret.into()));
    }
    Some(Credentials::Basic { username: answer.username, password: answer.secret.into() })
}
