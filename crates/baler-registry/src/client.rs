//! The client that all repositories share: logging in, trying again, and how each registry is reached.
//!
//! The first request to a registry carries no credentials. What it asks for then is remembered, so that later ones come
//! with them at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use baler_image::Repository;
use ureq::http::Method;

use crate::asking::Asking;
use crate::challenge::Challenge;
use crate::credentials::{Credentials, Origin};
use crate::error::RegistryError;
use crate::event::Event;
use crate::gate::Gate;
use crate::location::Location;
use crate::settings::Settings;
use crate::token::Token;
use crate::transport::{Answer, Ask, Transport};
use crate::whole;

/// What a token must allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access<'a> {
    /// Nothing but to be known.
    Login,
    Pull,
    Push,
    /// To push, and to pull from another repository of the same registry.
    Mount {
        from: &'a str,
    },
}

/// A client of registries. It is made once, shared, and used by several threads.
pub struct Client {
    settings: Settings,
    pub(crate) transport: Transport,
    registries: Mutex<BTreeMap<String, Arc<Registry>>>,
}

/// What is known of a registry.
pub(crate) struct Registry {
    pub(crate) gate: Arc<Gate>,
    /// Whether it speaks TLS, once it has answered.
    pub(crate) is_secure: Mutex<Option<bool>>,
    pub(crate) challenge: Mutex<Option<Challenge>>,
    /// By scopes. Held while one is fetched, so that many threads ask for it once.
    pub(crate) tokens: Mutex<BTreeMap<Vec<String>, Token>>,
    /// By repository, so that a helper is asked once.
    pub(crate) credentials: Mutex<BTreeMap<String, (Credentials, Option<Origin>)>>,
    /// A mirror that could not be reached.
    pub(crate) is_left_out: AtomicBool,
    /// It takes blobs whole, and no pieces of them.
    wants_whole: AtomicBool,
}

impl Registry {
    fn new(host: &str, requests_at_once: usize) -> Arc<Self> {
        Arc::new(Self {
            wants_whole: AtomicBool::new(whole::is_known(host)),
            gate: Gate::new(requests_at_once),
            is_secure: Mutex::default(),
            challenge: Mutex::default(),
            tokens: Mutex::default(),
            credentials: Mutex::default(),
            is_left_out: AtomicBool::new(false),
        })
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a request goes: a path below `/v2/`, or what a `Location` header named.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    /// `/v2/` itself.
    Base,
    Path(&'a str),
    Location(&'a Location),
}

impl Client {
    /// Sets the client up. No request is made.
    pub fn new(settings: Settings) -> Result<Self, RegistryError> {
        let transport = Transport::new(&settings)?;
        Ok(Self { settings, transport, registries: Mutex::default() })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Tries what may be tried again until it succeeds, or fails in a way that will not pass.
    pub(crate) fn retried<T>(&self, mut attempt: impl FnMut() -> Result<T, RegistryError>) -> Result<T, RegistryError> {
        let mut tried = 1;
        loop {
            let error = match attempt() {
                Err(error) if error.is_passing() => error,
                result => return result,
            };
            self.wait_after(error, tried)?;
            tried += 1;
        }
    }

    /// Waits before the next try, or gives the error back where it was the last one, or a registry asks for more time than
    /// anybody has.
    pub(crate) fn wait_after(&self, error: RegistryError, tried: u32) -> Result<RegistryError, RegistryError> {
        let retries = &self.settings.retries;
        let is_silent = matches!(error, RegistryError::TimedOut { .. });
        let most = if is_silent { retries.tries.min(retries.silent_tries) } else { retries.tries };
        let Some(pause) = retries.pause(tried, error.retry_after()).filter(|_| tried < most) else {
            let is_tried_again = tried > 1;
            return Err(if is_tried_again {
                RegistryError::GaveUp { tries: tried, source: error.into() }
            } else {
                error
            });
        };
        self.tell(&Event::Retrying { error: &error, tried, tries: most, pause });
        std::thread::sleep(pause);
        Ok(error)
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.settings.listener.tell(event);
    }

    /// Asks a registry for nothing but to be let in. Whether it wanted to know who asks is the answer.
    pub fn check_login(&self, registry: &str) -> Result<bool, RegistryError> {
        let repository = Repository::new(registry, "");
        self.retried(|| self.ask(&repository, Access::Login, At::Base, &Ask::new(Method::GET)))?;
        Ok(lock(&self.registry(repository.registry()).challenge).is_some())
    }

    /// Asks once, logging in where that is wanted. An answer without success is an error.
    pub(crate) fn ask(
        &self,
        repository: &Repository,
        access: Access<'_>,
        at: At<'_>,
        ask: &Ask<'_>,
    ) -> Result<Answer, RegistryError> {
        let registry = self.registry(repository.registry());
        let request = Asking { client: self, registry: &registry, repository, access };
        let permit = registry.gate.enter();
        let mut answer = request.perform(at, ask)?;
        answer.permit = Some(permit);
        Ok(answer)
    }

    /// Does not ask a mirror again; whether it was asked until now.
    pub(crate) fn leave_out(&self, host: &str) -> bool {
        !self.registry(host).is_left_out.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_left_out(&self, host: &str) -> bool {
        self.registry(host).is_left_out.load(Ordering::Relaxed)
    }

    /// Sends blobs whole from now on.
    pub(crate) fn send_whole(&self, repository: &Repository) {
        if !self.registry(repository.registry()).wants_whole.swap(true, Ordering::Relaxed) {
            self.tell(&Event::SendingWhole { registry: repository.registry() });
        }
    }

    pub(crate) fn sends_whole(&self, host: &str) -> bool {
        self.registry(host).wants_whole.load(Ordering::Relaxed)
    }

    fn registry(&self, host: &str) -> Arc<Registry> {
        let new = || Registry::new(host, self.settings.requests_at_once);
        Arc::clone(lock(&self.registries).entry(host.to_owned()).or_insert_with(new))
    }

    /// Whether a registry's certificate is not verified, and it may do without TLS.
    pub fn is_insecure(&self, host: &str) -> bool {
        self.settings.insecure_registries.iter().any(|insecure| insecure == host)
    }
}
