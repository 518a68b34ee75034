//! One request to a registry: who asks, in which way, and over which kind of connection.

use baler_image::Repository;

use crate::challenge::{Challenge, parse_challenges};
use crate::client::{Access, At, Client, Registry, lock};
use crate::credentials::{Credentials, Origin};
use crate::error::{RegistryError, TlsFault};
use crate::event::Event;
use crate::location::Location;
use crate::plain_http::{is_loopback, is_plain_http_host};
use crate::secret::Secret;
use crate::token::TokenRequest;
use crate::transport::{Answer, Ask, Route};

pub(crate) struct Asking<'a> {
    pub(crate) client: &'a Client,
    pub(crate) registry: &'a Registry,
    pub(crate) repository: &'a Repository,
    pub(crate) access: Access<'a>,
}

impl Asking<'_> {
    pub(crate) fn perform(&self, at: At<'_>, ask: &Ask<'_>) -> Result<Answer, RegistryError> {
        let (authorization, _) = self.authorization(None)?;
        let answer = self.told(at, ask, authorization.as_ref())?;
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
        Self::checked(self.told(at, ask, again.as_ref())?, origin)
    }

    fn told(&self, at: At<'_>, ask: &Ask<'_>, authorization: Option<&Secret>) -> Result<Answer, RegistryError> {
        let answer = self.reach(at, ask, authorization)?;
        let (method, url, status) = (ask.method.as_str(), &answer.location, answer.status);
        self.client.tell(&Event::Answered { method, url, status });
        Ok(answer)
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
        let found = self.client.settings().keychain.credentials(self.repository);
        let found = found.map_err(|source| RegistryError::Credentials { registry: registry(), source })?;
        known.insert(self.repository.path().to_owned(), found.clone());
        Ok(found)
    }

    fn scopes(&self) -> Vec<String> {
        let path = self.repository.path();
        match self.access {
            Access::Login => Vec::new(),
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
            At::Path(path) => format!("/v2/{}/{path}", self.repository.path()),
            At::Base => "/v2/".to_owned(),
        };
        let location = |is_secure: bool| Location::new(is_secure, self.repository.registry(), path.clone());
        let send = |is_secure: bool| self.client.transport.send(&location(is_secure), ask, route);
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
            // Where nobody takes a connection, nobody takes another one to the same port.
            && (!matches!(result, Err(RegistryError::Connect { .. }))
                || location(true).host_and_port() != location(false).host_and_port())
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
