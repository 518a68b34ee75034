//! The client of registries: made when a registry is first needed, since that reads files of the user and of the system.

use std::sync::{Arc, Mutex, PoisonError};

use baler_image::Reference;
use baler_registry::{Client, RegistryError, RegistrySink, RegistrySource, Settings, SettingsError};

/// Makes the settings of the client.
type MakeSettings = Box<dyn Fn() -> Result<Settings, RegistriesError> + Send + Sync>;

/// All registries.
pub struct Registries {
    settings: MakeSettings,
    client: Mutex<Option<Arc<Client>>>,
}

/// Why no registry can be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistriesError {
    #[error("{0}")]
    Settings(#[from] SettingsError),
    #[error("{0}")]
    Client(#[from] RegistryError),
}

impl Registries {
    /// Registries that are reached as the settings say; `settings` is asked for them once, if at all.
    pub fn new(settings: impl Fn() -> Result<Settings, RegistriesError> + Send + Sync + 'static) -> Self {
        Self { settings: Box::new(settings), client: Mutex::new(None) }
    }

    /// The client.
    pub fn client(&self) -> Result<Arc<Client>, RegistriesError> {
        let mut slot = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*slot {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(Client::new((self.settings)()?)?);
        *slot = Some(Arc::clone(&client));
        Ok(client)
    }

    /// The repository of `reference`, to read from.
    pub fn source(&self, reference: &Reference) -> Result<RegistrySource, RegistriesError> {
        Ok(RegistrySource::new(self.client()?, reference.into()))
    }

    /// The repository of `reference`, to write to.
    pub fn sink(&self, reference: &Reference) -> Result<RegistrySink, RegistriesError> {
        Ok(RegistrySink::new(self.client()?, reference.into()))
    }
}
