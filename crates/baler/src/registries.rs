//! How registries are reached, as the user and the system have it: credentials, certificate authorities, proxies.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use baler_platform::output::{Level, Output as _};
use baler_platform::places::{Registries, RegistriesError};
use baler_registry::{KeychainContext, Listener, Mirror, RetryPolicy, Settings};

use crate::output::Console;

/// The registries, of which nothing is read until one is needed.
pub(crate) fn registries(
    variables: BTreeMap<String, String>,
    insecure: Vec<String>,
    mirrors: Vec<Mirror>,
    tries: Option<u32>,
) -> Registries {
    Registries::new(move || {
        let settings = settings(&variables, &insecure)?;
        let own = settings.retries.clone();
        let retries = tries.map_or(own.clone(), |tries| RetryPolicy { tries, silent_tries: tries, ..own });
        Ok(Settings { retries, mirrors: mirrors.clone(), ..settings })
    })
}

/// How registries are reached.
pub(crate) fn settings(variables: &BTreeMap<String, String>, insecure: &[String]) -> Result<Settings, RegistriesError> {
    Ok(Settings {
        insecure_registries: insecure.to_vec(),
        listener: LISTENER.get().cloned().unwrap_or_default(),
        ..with_keychain(variables, Settings::of_surroundings)?
    })
}

/// Who hears of retries and of mirrors that do not answer.
static LISTENER: OnceLock<Listener> = OnceLock::new();

/// Has what happens on the way to registries told to `console`, where more is to be said.
pub(crate) fn tell(console: &'static Console) {
    // Only the first console is one.
    let _ = LISTENER.set(Listener::new(|event| {
        let level = if event.is_warning() { Level::Warning } else { Level::Debug };
        console.line(level, &event.to_string());
    }));
}

/// Does something with what credentials are found by.
pub(crate) fn with_keychain<T>(variables: &BTreeMap<String, String>, act: impl FnOnce(&KeychainContext<'_>) -> T) -> T {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    let search = set("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let variable = |name: &str| variables.get(name).cloned();
    act(&KeychainContext { variable: &variable, home: set("HOME").map(Path::new), search })
}
