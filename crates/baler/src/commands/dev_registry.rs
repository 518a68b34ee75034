//! `baler dev registry`.

use std::process::ExitCode;
use std::sync::mpsc;

use anyhow::{Context as _, bail};
use baler_platform::output::{Level, Output as _};
use baler_test_registry::{Auth, Fault, Options, Storage, TestRegistry, Tls, TokenServer, User};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::arguments::DevRegistryArguments;
use crate::output::Console;

pub(crate) fn run(arguments: &DevRegistryArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("could not listen to signals")?;
    let (sender, requests) = mpsc::channel();
    let tell = {
        let sender = sender.clone();
        // Nobody reads any more once the end has come.
        Box::new(move |request: &baler_test_registry::Request| drop(sender.send(Some(request.to_string()))))
    };
    let registry = TestRegistry::start_telling(options(arguments)?, Some(tell))?;
    for rule in &arguments.fault {
        registry.rule(rule.clone());
    }
    console.result(&format!("Registry at {}, {}", registry.address(), kept(arguments)));
    if let Some(host) = registry.storage_host() {
        console.line(Level::Info, &format!("Storage host at {host}"));
    }
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        signals.forever().next();
        drop(sender.send(None));
    })?;
    while let Ok(Some(request)) = requests.recv() {
        console.line(Level::Info, &request);
    }
    let (count, peak, uploads) = (registry.log().len(), registry.peak(), registry.uploads());
    let last = format!("{count} requests, of which at most {peak} at the same time; {uploads} uploads were not ended");
    console.line(Level::Info, &last);
    Ok(ExitCode::SUCCESS)
}

fn kept(arguments: &DevRegistryArguments) -> String {
    match &arguments.directory {
        Some(directory) => format!("in {}; Ctrl-C ends it", directory.display()),
        None => "in memory; Ctrl-C ends it".to_owned(),
    }
}

fn options(arguments: &DevRegistryArguments) -> anyhow::Result<Options> {
    let read = |path| fs_err::read(path).map_err(anyhow::Error::from);
    let tls = match (&arguments.tls_certificate, &arguments.tls_key) {
        (Some(certificates), Some(key)) => {
            let client_authority = arguments.client_authority.as_ref().map(read).transpose()?;
            Some(Tls { certificates: read(certificates)?, key: read(key)?, client_authority })
        }
        _ => None,
    };
    let writers = arguments.auth.iter().map(|pair| user("--auth", pair, true));
    let readers = arguments.reader.iter().map(|pair| user("--reader", pair, false));
    let mut users = writers.chain(readers).collect::<anyhow::Result<Vec<_>>>()?;
    for pair in &arguments.refresh_token {
        give_refresh_token(&mut users, pair)?;
    }
    let auth = match (users.is_empty(), arguments.tokens) {
        (true, _) => Auth::Open,
        (false, false) => Auth::Basic(users),
        (false, true) => Auth::Token(TokenServer { anonymous_pull: !arguments.private, ..TokenServer::new(users) }),
    };
    let storage = arguments.directory.clone().map_or(Storage::Memory, Storage::Directory);
    let has_storage_host = arguments.fault.iter().any(|rule| matches!(rule.fault(), Fault::ToStorageHost));
    Ok(Options { listen: arguments.listen.clone(), storage, auth, tls, has_storage_host, ..Options::default() })
}

/// The two parts of what logs somebody in.
fn pair(text: &str) -> Option<(&str, &str)> {
    text.split_once(':').filter(|(name, secret)| !name.is_empty() && !secret.is_empty())
}

fn user(flag: &str, text: &str, may_push: bool) -> anyhow::Result<User> {
    // Not quoted: it may be a password.
    let (name, password) = pair(text).with_context(|| format!("{flag} wants USER:PASSWORD"))?;
    Ok(User { may_push, ..User::new(name, password) })
}

fn give_refresh_token(users: &mut [User], text: &str) -> anyhow::Result<()> {
    let (name, token) = pair(text).context("--refresh-token wants USER:TOKEN")?;
    let Some(user) = users.iter_mut().find(|user| user.name == name) else {
        bail!("--refresh-token is for '{name}', whom neither --auth nor --reader names");
    };
    user.refresh_token = Some(token.to_owned());
    Ok(())
}
