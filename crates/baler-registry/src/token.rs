//! Access tokens: asked from the server that a registry names (Docker's token specification; `OAuth2` where the credentials
//! are a refresh token), kept until shortly before they expire.

use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::http::Method;

use crate::credentials::Credentials;
use crate::error::RegistryError;
use crate::location::{Location, encode};
use crate::secret::Secret;
use crate::transport::{Ask, Content, Route, Transport};

const MAXIMUM: u64 = 1 << 20;
/// How long a token lives whose server does not say.
const DEFAULT_LIFE: u64 = 60;
const LONGEST_LIFE: u64 = 24 * 60 * 60;
/// A token that is about to expire is not begun with.
const MARGIN: Duration = Duration::from_secs(10);

/// A token and when it ends.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) authorization: Secret,
    ends: Instant,
}

impl Token {
    pub(crate) fn is_alive(&self) -> bool {
        Instant::now() < self.ends
    }
}

/// What a token is asked with.
pub(crate) struct TokenRequest<'a> {
    pub(crate) realm: &'a str,
    pub(crate) service: Option<&'a str>,
    pub(crate) scopes: &'a [String],
    pub(crate) credentials: &'a Credentials,
    /// The registry that asks for it.
    pub(crate) registry: &'a Location,
    pub(crate) is_verified: bool,
}

impl TokenRequest<'_> {
    pub(crate) fn fetch(&self, transport: &Transport) -> Result<Token, RegistryError> {
        // Some registries name their own server by a path.
        let realm = self.registry.join(self.realm);
        let realm = realm.map_err(|source| RegistryError::Redirect { url: self.registry.to_string(), source })?;
        let is_anonymous = matches!(self.credentials, Credentials::Anonymous);
        if self.registry.is_secure() && !realm.is_secure() && !is_anonymous && self.is_verified {
            return Err(RegistryError::Unprotected { url: realm.to_string() });
        }
        match self.credentials {
            Credentials::Anonymous => self.get(transport, &realm, None),
            Credentials::Bearer(token) => {
                let ends = Instant::now() + Duration::from_secs(LONGEST_LIFE);
                Ok(Token { authorization: format!("Bearer {}", token.reveal()).into(), ends })
            }
            Credentials::Basic { username, password } => {
                self.get(transport, &realm, Some(&Credentials::basic_header(username, password)))
            }
            Credentials::Identity(token) => self.post(transport, &realm, token),
        }
    }

    /// Only the registry itself is excused from verification, not a server that it names.
    fn is_realm_verified(&self, realm: &Location) -> bool {
        self.is_verified || !realm.is_same_server(self.registry)
    }

    fn get(
        &self,
        transport: &Transport,
        realm: &Location,
        authorization: Option<&Secret>,
    ) -> Result<Token, RegistryError> {
        let mut at = realm.clone();
        if let Some(service) = self.service {
            at = at.with_query("service", service);
        }
        for scope in self.scopes {
            at = at.with_query("scope", scope);
        }
        let route = Route { authorization, is_verified: self.is_realm_verified(realm) };
        read(transport.send(&at, &Ask::new(Method::GET), route)?)
    }

    fn post(&self, transport: &Transport, realm: &Location, refresh: &Secret) -> Result<Token, RegistryError> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", "baler"),
            ("service", self.service.unwrap_or_default()),
            ("scope", &self.scopes.join(" ")),
            ("refresh_token", refresh.reveal()),
        ];
        let form: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let form = form.join("&");
        let mut ask = Ask::new(Method::POST).header("content-type", "application/x-www-form-urlencoded");
        ask.content = Content::Bytes(form.as_bytes());
        let route = Route { authorization: None, is_verified: self.is_realm_verified(realm) };
        read(transport.send(realm, &ask, route)?)
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    expires_in: Option<u64>,
}

fn read(answer: crate::transport::Answer) -> Result<Token, RegistryError> {
    let url = answer.location.to_string();
    if !answer.is_success() {
        return Err(answer.into_error());
    }
    let bytes = answer.bytes(MAXIMUM)?;
    let protocol = || RegistryError::Protocol { url: url.clone(), reason: "the answer has no token" };
    let answer: TokenAnswer = serde_json::from_slice(&bytes).map_err(|_| protocol())?;
    let token = if answer.token.is_empty() { answer.access_token } else { answer.token };
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(protocol());
    }
    let life = Duration::from_secs(answer.expires_in.unwrap_or(DEFAULT_LIFE).min(LONGEST_LIFE));
    let ends = Instant::now() + life.saturating_sub(MARGIN).max(life / 2);
    Ok(Token { authorization: format!("Bearer {token}").into(), ends })
}
