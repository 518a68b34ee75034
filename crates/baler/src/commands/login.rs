//! `baler login` and `baler logout`.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use baler_platform::output::{Level, Output as _};
use baler_registry::{Client, Credentials, Keychain, LoginKey, Origin, Secret, Settings, erase_login, store_login};

use super::password;
use crate::arguments::{LoginArguments, LogoutArguments};
use crate::host;
use crate::output::Console;
use crate::registries;

pub(crate) fn login(arguments: &LoginArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let key: LoginKey = arguments.registry.parse()?;
    let (username, password) = typed(arguments)?;
    let variables = host::variables();
    let insecure: Vec<String> = arguments.insecure.then(|| key.registry().to_owned()).into_iter().collect();
    let credentials = Credentials::Basic { username: username.clone(), password: password.clone() };
    let keychain = Keychain::given(key.registry(), credentials);
    let client = Client::new(Settings { keychain, ..registries::settings(&variables, &insecure)? })?;
    let is_checked = client.check_login(key.registry()).with_context(|| format!("could not log in to {key}"))?;
    let origin = registries::with_keychain(&variables, |context| store_login(context, &key, &username, &password))?;
    if !is_checked {
        console.line(Level::Warning, &format!("{} did not ask who you are: any password would do", key.registry()));
    }
    let note = if matches!(origin, Origin::File(_)) { " (not encrypted)" } else { "" };
    console.result(&format!("Logged in to {key} as {username}; the credentials are in {origin}{note}"));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn logout(arguments: &LogoutArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let key: LoginKey = arguments.registry.parse()?;
    let variables = host::variables();
    let origins = registries::with_keychain(&variables, |context| erase_login(context, &key))?;
    if origins.is_empty() {
        console.result(&format!("Not logged in to {key}"));
    }
    for origin in origins {
        console.result(&format!("Removed the credentials for {key} from {origin}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// User and password, from the flags, standard input, and the terminal.
fn typed(arguments: &LoginArguments) -> anyhow::Result<(String, Secret)> {
    let is_terminal = std::io::stdin().is_terminal();
    let username = match &arguments.username {
        Some(username) => username.clone(),
        None if is_terminal && !arguments.password_stdin => ask("Username: ")?,
        None => bail!("no user was named: use --username"),
    };
    let password = if arguments.password_stdin {
        let mut text = String::new();
        std::io::stdin().take(64 * 1024).read_to_string(&mut text).context("could not read the password")?;
        text.trim_end_matches(['\r', '\n']).to_owned()
    } else if is_terminal {
        password::ask("Password: ")?
    } else {
        bail!("there is no terminal to ask for the password: use --password-stdin");
    };
    if username.is_empty() || username.contains(':') || password.is_empty() {
        bail!("a user without colons and a password are needed");
    }
    Ok((username, password.into()))
}

fn ask(prompt: &str) -> anyhow::Result<String> {
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(prompt.as_bytes()).and_then(|()| stderr.flush())?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
