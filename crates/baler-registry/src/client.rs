//! The client that all repositories share: logging in, trying again, and how each registry is reached.
//!
//! The first request to a registry carries no credentials. What it asks for then is remembered, so that later ones come
//! with them at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use baler_image::Repository;

use crate::challenge::{Challenge, parse_challenges};
use crate::credentials::{Credentials, Origin};
use crate::error::{RegistryError, TlsFault};
use crate::event::Event;
use crate::gate::Gate;
use crate::location::Location;
use crate::plain_http::{is_loopback, is_plain_http_host};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::token::{Token, TokenRequest};
use crate::transport::{Answer, Ask, Route, Transport};

/// What a token must allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access<'a> {
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
    transport: Transport,
    registries: Mutex<BTreeMap<String, Arc<Registry>>>,
}

/// What is known of a registry.
struct Registry {
    gate: Arc<Gate>,
    /// Whether it speaks TLS, once it has answered.
    is_secure: Mutex<Option<bool>>,
    challenge: Mutex<Option<Challenge>>,
    /// By scopes. Held while one is fetched, so that many threads ask for it once.
    tokens: Mutex<BTreeMap<Vec<String>, Token>>,
    /// By repository, so that a helper is asked once.
    credentials: Mutex<BTreeMap<String, (Credentials, Option<Origin>)>>,
    /// A mirror that could not be reached.
    is_left_out: AtomicBool,
}

impl Registry {
    fn new(requests_at_once: usize) -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::new(requests_at_once),
            is_secure: Mutex::default(),
            challenge: Mutex::default(),
            tokens: Mutex::default(),
            credentials: Mutex::default(),
            is_left_out: AtomicBool::new(false),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a request goes: a path below `/v2/`, or what a `Location` header named.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
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
        let Some(pause) = retries.pause(tried, error.retry_after()) else {
            let is_tried_again = tried > 1;
            return Err(if is_tried_again {
                RegistryError::GaveUp { tries: tried, source: error.into() }
            } else {
                error
            });
        };
        self.tell(&Event::Retrying { error: &error, tried, tries: retries.tries, pause });
        std::thread::sleep(pause);
        Ok(error)
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.settings.listener.tell(event);
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

    /// Does not ask a mirror again.
    pub(crate) fn leave_out(&self, host: &str) {
        self.registry(host).is_left_out.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_left_out(&self, host: &str) -> bool {
        self.registry(host).is_left_out.load(Ordering::Relaxed)
    }

    fn registry(&self, host: &str) -> Arc<Registry> {
        let new = || Registry::new(self.settings.requests_at_once);
        Arc::clone(lock(&self.registries).entry(host.to_owned()).or_insert_with(new))
    }

    fn is_insecure(&self, host: &str) -> bool {
        self.settings.insecure_registries.iter().any(|insecure| insecure == host)
    }
}

struct Asking<'a> {
    client: &'a Client,
    registry: &'a Registry,
    repository: &'a Repository,
    access: Access<'a>,
}

impl Asking<'_> {
    fn perform(&self, at: At<'_>, ask: &Ask<'_>) -> Result<Answer, RegistryError> {
        let (authorization, _) = self.authorization(None)?;
        let answer = self.reach(at, ask, authorization.as_ref())?;
        if answer.status != 401 {
            return Self::checked(answer, None);
        }
        let challenges = answer.headers.get_all("www-authenticate").iter();
        let challenges: Vec<Challenge> =
            challenges.filter_map(|value| value.to_str().ok()).flat_map(parse_challenges).collect();
        let is_bearer = |challenge: &&Challenge| matches!(challenge, Challenge::Bearer { .. });
        let Some(challenge) = challenges.iter().find(is_bearer).or(challenges.first()) else {
            return Self::checked(answer, None);
        };
        let is_new = lock(&self.registry.challenge).replace(challenge.clone()).is_none();
        let (again, origin) = self.authorization(authorization.as_ref())?;
        if is_new {
            self.client.tell(&Event::LoggingIn { registry: self.repository.registry(), origin: origin.as_ref() });
        }
        if again.is_none() || (again == authorization && matches!(challenge, Challenge::Basic)) {
            return Self::checked(answer, origin);
        }
        Self::checked(self.reach(at, ask, again.as_ref())?, origin)
    }

    fn checked(answer: Answer, origin: Option<Origin>) -> Result<Answer, RegistryError> {
        if answer.is_success() {
            return Ok(answer);
        }
        let mut error = answer.into_error();
        if let RegistryError::Refused { origin: place, .. } = &mut error {
            *place = origin;
        }
        Err(error)
    }

    /// The header for a request, by what the registry asked for before. `refused` is one that it did not take.
    fn authorization(&self, refused: Option<&Secret>) -> Result<(Option<Secret>, Option<Origin>), RegistryError> {
        let Some(challenge) = lock(&self.registry.challenge).clone() else { return Ok((None, None)) };
        let Challenge::Bearer { realm, service, .. } = challenge else {
            let (credentials, origin) = self.credentials()?;
            let header = match credentials {
                Credentials::Basic { username, password } => Some(Credentials::basic_header(&username, &password)),
                Credentials::Bearer(token) | Credentials::Identity(token) => {
                    Some(format!("Bearer {}", token.reveal()).into())
                }
                Credentials::Anonymous => None,
            };
            return Ok((header, origin));
        };
        let scopes = self.scopes();
        let mut tokens = lock(&self.registry.tokens);
        if let Some(token) = tokens.get(&scopes)
            && token.is_alive()
            && Some(&token.authorization) != refused
        {
            return Ok((Some(token.authorization.clone()), None));
        }
        let (credentials, origin) = self.credentials()?;
        let base = self.base(lock(&self.registry.is_secure).unwrap_or(true));
        let request = TokenRequest {
            realm: &realm,
            service: service.as_deref(),
            scopes: &scopes,
            credentials: &credentials,
            registry: &base,
            is_verified: self.is_verified(),
        };
        let token = self.client.retried(|| request.fetch(&self.client.transport)).map_err(|error| match error {
            RegistryError::Refused { url, status, codes, .. } => {
                RegistryError::Refused { url, status, codes, origin: origin.clone() }
            }
            other => RegistryError::Token { registry: self.repository.registry().to_owned(), source: other.into() },
        })?;
        let authorization = token.authorization.clone();
        tokens.insert(scopes, token);
        Ok((Some(authorization), origin))
    }

    fn credentials(&self) -> Result<(Credentials, Option<Origin>), RegistryError> {
        let mut known = lock(&self.registry.credentials);
        if let Some(found) = known.get(self.repository.path()) {
            return Ok(found.clone());
        }
        let registry = || self.repository.registry().to_owned();
        let found = self.client.settings.keychain.credentials(self.repository);
        let found = found.map_err(|source| RegistryError::Credentials { registry: registry(), source })?;
        known.insert(self.repository.path().to_owned(), found.clone());
        Ok(found)
    }

    fn scopes(&self) -> Vec<String> {
        let path = self.repository.path();
        match self.access {
            Access::Pull => vec![format!("repository:{path}:pull")],
            Access::Push => vec![format!("repository:{path}:pull,push")],
            Access::Mount { from } => {
                vec![format!("repository:{path}:pull,push"), format!("repository:{from}:pull")]
            }
        }
    }

    fn is_verified(&self) -> bool {
        !self.client.is_insecure(self.repository.registry())
    }

    fn base(&self, is_secure: bool) -> Location {
        // The registry's name and the host that answers for it are two things at Docker Hub.
        Location::new(is_secure, self.repository.registry(), "/v2/".to_owned())
    }

    /// Sends, and finds out on the first request whether the registry speaks TLS.
    fn reach(&self, at: At<'_>, ask: &Ask<'_>, authorization: Option<&Secret>) -> Result<Answer, RegistryError> {
        let route = Route { authorization, is_verified: self.is_verified() };
        let path = match at {
            At::Location(location) => return self.at_location(location, ask, route),
            At::Path(path) => path,
        };
        let send = |is_secure: bool| {
            let target = format!("/v2/{}/{path}", self.repository.path());
            let location = Location::new(is_secure, self.repository.registry(), target);
            self.client.transport.send(&location, ask, route)
        };
        let known = *lock(&self.registry.is_secure);
        if let Some(is_secure) = known {
            return send(is_secure);
        }
        let host = self.repository.registry();
        let is_insecure = self.client.is_insecure(host);
        let order: &[bool] = if !is_insecure && is_loopback(host) {
            // Nothing that needs protection leaves this host, and few registries on it have certificates.
            &[false, true]
        } else if is_insecure || is_plain_http_host(host) {
            // Whoever answers is given credentials next: on a network, protection is tried first.
            &[true, false]
        } else {
            &[true]
        };
        let mut result = send(order[0]);
        let mut is_secure = order[0];
        if let Some(other) = order.get(1)
            && speaks_otherwise(&result)
        {
            let second = send(*other);
            if second.is_ok() || matches!(result, Err(RegistryError::Tls { fault: TlsFault::NotTls, .. }) | Ok(_)) {
                (result, is_secure) = (second, *other);
            }
        }
        if result.is_ok() {
            *lock(&self.registry.is_secure) = Some(is_secure);
        }
        result
    }

    /// A location that the registry named: credentials go along only to the registry itself.
    fn at_location(&self, location: &Location, ask: &Ask<'_>, route: Route<'_>) -> Result<Answer, RegistryError> {
        let home = self.base(lock(&self.registry.is_secure).unwrap_or(true));
        let is_home = location.is_same_server(&home);
        if home.is_secure() && !location.is_secure() && route.is_verified {
            return Err(RegistryError::Unprotected { url: location.to_string() });
        }
        let authorization = route.authorization.filter(|_| is_home);
        let is_verified = route.is_verified || !is_home;
        self.client.transport.send(location, ask, Route { authorization, is_verified })
    }
}

/// Whether an answer is what comes of speaking TLS to a server without, or the other way round.
fn speaks_otherwise(result: &Result<Answer, RegistryError>) -> bool {
    match result {
        Ok(answer) => answer.status == 400,
        Err(RegistryError::Tls { fault, .. }) => matches!(fault, TlsFault::NotTls | TlsFault::Other),
        Err(RegistryError::Broken { .. } | RegistryError::Connect { .. } | RegistryError::TimedOut { .. }) => true,
        Err(_) => false,
    }
}
