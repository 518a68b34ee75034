//! The registry client of a phase: credentials, authorities, certificates of single registries, proxies and insecure
//! registries as the environment has them.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baler_registry::{Client, Keychain, KeychainContext, KeychainError, Listener, Messenger, Settings, SettingsError};

use super::failure::{Failure, code};
use super::root_thread::RootThread;
use super::{Context, StdoutLog};
use crate::log::Log as _;

/// Makes the client. Files of the user are read now: later the phase may be another user. Helpers are asked when a registry
/// wants credentials, which may be one that is not known yet: as the user that the phase was started as.
pub(super) fn client(context: &Context<'_>) -> Result<Arc<Client>, Failure> {
    let environment = &context.settings.environment;
    let variable = |name: &str| environment.get(name).map(|value| value.to_string_lossy().into_owned());
    let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let path = environment.get("PATH").unwrap_or(OsStr::new(""));
    let settings = |home: Option<&Path>| {
        let search = std::env::split_paths(path).collect();
        Settings::of_surroundings(&KeychainContext { variable: &variable, home, search })
    };
    let settings = match settings(home.as_deref()) {
        // Images start with the home directory of root, whoever they are started as.
        Err(SettingsError::Keychain(KeychainError::Read { path, source }))
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            context.log.warn(&format!("Not using credentials in {}: it may not be read", path.display()));
            settings(None)
        }
        settings => settings,
    };
    let settings = settings.map_err(|error| Failure::new(code::FAILED, error).to("resolve keychain"))?;
    let keychain =
        asking_as_now(settings.keychain).map_err(|error| Failure::new(code::FAILED, error).to("resolve keychain"))?;
    // What happens on the way is for those who look into the lifecycle. It is told from any thread.
    let log = StdoutLog::new(context.settings.log_level()?);
    let client = Client::new(Settings {
        keychain,
        insecure_registries: insecure(context),
        listener: Listener::new(move |event| {
            if event.is_warning() {
                log.warn(&event.to_string());
            } else {
                log.debug(&event.to_string());
            }
        }),
        ..settings
    });
    client.map(Arc::new).map_err(|error| Failure::new(code::FAILED, error))
}

fn asking_as_now(keychain: Keychain) -> io::Result<Keychain> {
    if !keychain.has_helpers() {
        return Ok(keychain);
    }
    let messenger = |root: RootThread| Messenger::new(move |errand| root.run(errand));
    let root = RootThread::start("credentials")?;
    Ok(keychain.asking_by(root.map_or_else(Messenger::default, messenger)))
}

fn insecure(context: &Context<'_>) -> Vec<String> {
    let settings = context.settings;
    let flags = settings.parsed.list("insecure-registry");
    if !flags.is_empty() {
        return flags.iter().map(|flag| flag.to_string_lossy().into_owned()).collect();
    }
    let variable = settings.environment.get("CNB_INSECURE_REGISTRIES").unwrap_or_default().to_string_lossy();
    variable.split(',').filter(|registry| !registry.is_empty()).map(str::to_owned).collect()
}
