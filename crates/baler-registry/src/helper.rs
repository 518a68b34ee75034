//! Credential helpers: programs `docker-credential-NAME` that are given a registry's address on their standard input and
//! answer with JSON.

use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::credentials::Credentials;
use crate::family;
use crate::keychain::{KeychainContext, KeychainError};
use crate::seconds::seconds;
use crate::secret::Secret;

/// What is read of an answer; more is no answer.
const MAXIMUM: u64 = 64 * 1024;
/// What a helper says that has no credentials: the protocol has no other way to say so, and this text is a part of it.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// Why a helper gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelperError {
    #[error("'{name}' is not a credential helper's name")]
    Name { name: String },
    #[error("no directory of PATH has {program}")]
    NotFound { program: String },
    #[error("could not start {program}")]
    Start { program: String, source: io::Error },
    #[error("{program} did not answer in {} s", timeout.as_secs())]
    TimedOut { program: String, timeout: Duration },
    #[error("{program} failed: {message}")]
    Failed { program: String, message: String },
    #[error("{program} did not answer with credentials")]
    Answer { program: String },
}

/// How long a helper may take where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_VARIABLE: &str = "BALER_HELPER_TIMEOUT";

/// How long a helper may take: what `BALER_HELPER_TIMEOUT` says.
pub(crate) fn timeout(context: &KeychainContext<'_>) -> Result<Duration, KeychainError> {
    Ok(seconds(context, TIMEOUT_VARIABLE)?.unwrap_or(TIMEOUT))
}

/// The program of a helper, and the directories where it may be.
#[derive(Clone)]
pub(crate) struct Helper {
    name: String,
    search: Vec<PathBuf>,
    timeout: Duration,
}

impl Helper {
    pub(crate) fn new(name: &str, search: &[PathBuf], timeout: Duration) -> Self {
        Self { name: name.to_owned(), search: search.to_owned(), timeout }
    }

    pub(crate) fn program(&self) -> String {
        format!("docker-credential-{}", self.name)
    }

    /// The credentials for `address`; `None` where the helper has none.
    pub(crate) fn ask(&self, address: &str) -> Result<Option<Credentials>, HelperError> {
        match self.run("get", address)? {
            Ended::Well(answer) => {
                parse(&answer).map(Some).ok_or_else(|| HelperError::Answer { program: self.program() })
            }
            Ended::Badly(message) if message == NOT_FOUND => Ok(None),
            Ended::Badly(message) => Err(HelperError::Failed { program: self.program(), message }),
        }
    }

    /// Has the helper keep credentials.
    pub(crate) fn store(&self, address: &str, username: &str, password: &Secret) -> Result<(), HelperError> {
        let input = serde_json::json!({"ServerURL": address, "Username": username, "Secret": password.reveal()});
        match self.run("store", &input.to_string())? {
            Ended::Well(_) => Ok(()),
            Ended::Badly(message) => Err(HelperError::Failed { program: self.program(), message }),
        }
    }

    /// Has the helper forget credentials; `false` where it had none.
    pub(crate) fn erase(&self, address: &str) -> Result<bool, HelperError> {
        // Helpers do not say whether there was anything to erase.
        if self.ask(address)?.is_none() {
            return Ok(false);
        }
        match self.run("erase", address)? {
            Ended::Well(_) => Ok(true),
            Ended::Badly(message) if message == NOT_FOUND => Ok(false),
            Ended::Badly(message) => Err(HelperError::Failed { program: self.program(), message }),
        }
    }

    /// Where the program is.
    pub(crate) fn path(&self) -> Result<PathBuf, HelperError> {
        if self.name.is_empty() || self.name.contains('/') {
            return Err(HelperError::Name { name: self.name.clone() });
        }
        let program = self.program();
        let found = self.search.iter().map(|directory| directory.join(&program)).find(|path| path.is_file());
        found.ok_or(HelperError::NotFound { program })
    }

    fn run(&self, action: &str, input: &str) -> Result<Ended, HelperError> {
        let start = |source| HelperError::Start { program: self.program(), source };
        let mut command = Command::new(self.path()?);
        // It has no use for what there is without it, and whoever may look into it shall not find that there.
        command.env_remove("CNB_REGISTRY_AUTH");
        command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(start)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A helper that does not read its input answers with its own error.
            let _ = stdin.write_all(input.as_bytes());
        }
        let (sender, receiver) = mpsc::channel();
        let output = read_all(child.stdout.take(), sender.clone(), Said::Output);
        let errors = read_all(child.stderr.take(), sender, Said::Errors);
        let deadline = Instant::now() + self.timeout;
        let (mut answer, mut complaint) = (Vec::new(), Vec::new());
        for _ in 0..u32::from(output) + u32::from(errors) {
            match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Said::Output(bytes)) => answer = bytes,
                Ok(Said::Errors(bytes)) => complaint = bytes,
                Err(_) => return Err(self.stop(&mut child)),
            }
        }
        let status = loop {
            match child.try_wait().map_err(start)? {
                Some(status) => break status,
                None if Instant::now() >= deadline => return Err(self.stop(&mut child)),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        if status.success() {
            return Ok(Ended::Well(answer));
        }
        // By the protocol an error is on standard output; what breaks before says so elsewhere. JSON is no message but
        // what was meant to be the answer, with what is not to be shown.
        let is_message = |text: &String| !text.is_empty() && !text.starts_with('{');
        let message = [answer, complaint].iter().map(|bytes| printable(bytes)).find(is_message);
        Ok(Ended::Badly(message.unwrap_or_else(|| status.to_string())))
    }

    fn stop(&self, child: &mut Child) -> HelperError {
        family::end(child);
        HelperError::TimedOut { program: self.program(), timeout: self.timeout }
    }
}

/// How a helper ended.
enum Ended {
    Well(Vec<u8>),
    Badly(String),
}

/// What a helper wrote.
enum Said {
    Output(Vec<u8>),
    Errors(Vec<u8>),
}

/// Reads on a thread of its own; whether there is one.
fn read_all(stream: Option<impl Read + Send + 'static>, sender: mpsc::Sender<Said>, of: fn(Vec<u8>) -> Said) -> bool {
    let Some(stream) = stream else { return false };
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read is what was said. Nobody listens any more after the timeout.
        let _ = stream.take(MAXIMUM).read_to_end(&mut bytes);
        let _ = sender.send(of(bytes));
    });
    true
}

fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().chars().filter(|c| !c.is_control()).take(200).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A helper that waits for ever, as do the programs that it started, does not hold up anybody, and nothing of it stays.
    #[test]
    fn one_that_hangs_is_ended_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        // Written by a program that has ended, so that nothing has it open when it is started.
        let script = r#"cat >docker-credential-slow <<'END'
#!/bin/sh
cd "${0%/*}"
sh -c 'echo $$ >>started; sleep 1000 & echo $! >>started; wait' &
echo $$ >>started
wait
END
chmod 755 docker-credential-slow"#;
        assert!(Command::new("sh").args(["-c", script]).current_dir(&directory).status().unwrap().success());
        let started = || fs_err::read_to_string(directory.path().join("started")).unwrap_or_default();
        // Until all of them run: how long that takes depends on what else the machine does.
        let mut time = Duration::from_millis(100);
        while started().lines().count() < 3 {
            let slow = Helper::new("slow", &[directory.path().to_owned()], time);
            fs_err::write(directory.path().join("started"), "").unwrap();
            let asked = slow.ask("registry.example");
            assert!(matches!(asked, Err(HelperError::TimedOut { .. })), "{asked:?}");
            time *= 2;
        }
        for process in started().lines() {
            let state = || fs_err::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            let is_gone = |state: &str| state.is_empty() || state.contains(") Z ");
            let deadline = Instant::now() + Duration::from_mins(1);
            while !is_gone(&state()) {
                assert!(Instant::now() < deadline, "{}", state());
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}
