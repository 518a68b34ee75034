//! Who asks, and what they may do: `Basic`, and tokens as Docker's token specification has them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderMap};

use crate::log::Authorization;
use crate::options::{Auth, TokenServer, User};
use crate::route::{Route, fields, queries, query};

/// The tokens that were given out.
#[derive(Default)]
pub(crate) struct Login {
    tokens: Mutex<Tokens>,
}

#[derive(Default)]
struct Tokens {
    next: u64,
    known: BTreeMap<String, Token>,
}

struct Token {
    grants: Vec<Grant>,
    ends: Option<Instant>,
    uses: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    name: String,
    pull: bool,
    push: bool,
}

impl Grant {
    fn parse(scope: &str) -> Option<Self> {
        let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
        let has = |action| actions.split(',').any(|own| own == action || own == "*");
        Some(Self { name: name.to_owned(), pull: has("pull"), push: has("push") })
    }

    fn covers(&self, wanted: &Self) -> bool {
        self.name == wanted.name && (self.pull || !wanted.pull) && (self.push || !wanted.push)
    }
}

/// What a request is answered with that may not be carried out: the value of `WWW-Authenticate`, or nothing where logging
/// in again would not help.
pub(crate) enum Denied {
    Challenge(String),
    Forbidden,
}

/// The parts of a request that are looked at.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// Scheme and host of this registry, as the client has them.
    pub(crate) base: &'a str,
}

/// How a request says who asks.
pub(crate) fn authorization(headers: &HeaderMap) -> Authorization {
    let Some(value) = headers.get(AUTHORIZATION) else { return Authorization::Absent };
    let value = value.to_str().unwrap_or_default();
    match basic(value) {
        Some((name, _)) => Authorization::Basic(name),
        None if value.starts_with("Bearer ") => Authorization::Bearer,
        None => Authorization::Other,
    }
}

fn basic(value: &str) -> Option<(String, String)> {
    let pair = String::from_utf8(STANDARD.decode(value.strip_prefix("Basic ")?).ok()?).ok()?;
    pair.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn user<'a>(users: &'a [User], headers: &HeaderMap) -> Option<&'a User> {
    let (name, password) = basic(headers.get(AUTHORIZATION)?.to_str().ok()?)?;
    users.iter().find(|user| user.name == name && user.password == password)
}

/// What a request needs.
fn wanted(asked: &Asked<'_>, route: Route<'_>) -> Vec<Grant> {
    let Some(name) = route.name() else { return Vec::new() };
    let push = !matches!(*asked.method, Method::GET | Method::HEAD) || matches!(route, Route::Upload { .. });
    let mut wanted = vec![Grant { name: name.to_owned(), pull: true, push }];
    if matches!(route, Route::Uploads { .. })
        && let Some(from) = query(asked.target, "from")
    {
        wanted.push(Grant { name: from, pull: true, push: false });
    }
    wanted
}

impl Login {
    fn tokens(&self) -> std::sync::MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request may be carried out.
    pub(crate) fn check(&self, auth: &Auth, asked: &Asked<'_>, route: Route<'_>) -> Result<(), Denied> {
        let wanted = wanted(asked, route);
        let pushes = wanted.iter().any(|grant| grant.push);
        match auth {
            Auth::Open => Ok(()),
            Auth::Basic(users) => match user(users, asked.headers) {
                Some(user) if pushes && !user.may_push => Err(Denied::Forbidden),
                Some(_) => Ok(()),
                None => Err(Denied::Challenge("Basic realm=\"registry\"".to_owned())),
            },
            Auth::Token(_) => self.check_token(asked, &wanted),
        }
    }

    fn check_token(&self, asked: &Asked<'_>, wanted: &[Grant]) -> Result<(), Denied> {
        let scopes: Vec<String> = wanted
            .iter()
            .map(|grant| format!("repository:{}:{}", grant.name, if grant.push { "pull,push" } else { "pull" }))
            .collect();
        let scope = if scopes.is_empty() { String::new() } else { format!(",scope=\"{}\"", scopes.join(" ")) };
        let challenge = |error: &str| {
            let error = if error.is_empty() { String::new() } else { format!(",error=\"{error}\"") };
            Denied::Challenge(format!("Bearer realm=\"{}/token\",service=\"registry\"{scope}{error}", asked.base))
        };
        let Some(sent) = bearer(asked.headers) else { return Err(challenge("")) };
        let mut tokens = self.tokens();
        let Some(token) = tokens.known.get_mut(sent) else { return Err(challenge("invalid_token")) };
        if token.ends.is_some_and(|ends| ends <= Instant::now()) || token.uses == Some(0) {
            return Err(challenge("invalid_token"));
        }
        if !wanted.iter().all(|grant| token.grants.iter().any(|has| has.covers(grant))) {
            return Err(challenge("insufficient_scope"));
        }
        token.uses = token.uses.map(|uses| uses - 1);
        Ok(())
    }

    /// Makes the token of a request end.
    pub(crate) fn expire(&self, headers: &HeaderMap) {
        if let Some(token) = bearer(headers) {
            self.tokens().known.remove(token);
        }
    }

    /// The token server: the body of its answer, or the refusal. `form` is what was posted.
    pub(crate) fn token(&self, server: &TokenServer, asked: &Asked<'_>, form: &str) -> Result<Vec<u8>, Denied> {
        let refused = || Denied::Challenge("Basic realm=\"token server\"".to_owned());
        let (user, scopes): (Option<&User>, Vec<String>) = if *asked.method == Method::POST {
            let field = |name| fields(form, name).next();
            let users = server.users.iter();
            let user = match field("grant_type").as_deref() {
                Some("refresh_token") => {
                    let given = field("refresh_token");
                    users.clone().find(|user| given.is_some() && user.refresh_token == given)
                }
                Some("password") => {
                    let (name, password) = (field("username"), field("password"));
                    users
                        .clone()
                        .find(|user| name.as_ref() == Some(&user.name) && password.as_ref() == Some(&user.password))
                }
                _ => None,
            };
            (Some(user.ok_or_else(refused)?), fields(form, "scope").collect())
        } else {
            let is_anonymous = !asked.headers.contains_key(AUTHORIZATION);
            let user = user(&server.users, asked.headers);
            if user.is_none() && !is_anonymous {
                return Err(refused());
            }
            (user, queries(asked.target, "scope").collect())
        };
        let scopes = scopes.iter().flat_map(|scope| scope.split(' ')).filter_map(Grant::parse);
        let may = |push: bool| user.map_or(server.anonymous_pull && !push, |user| user.may_push || !push);
        let grants =
            scopes.map(|grant| Grant { pull: grant.pull && may(false), push: grant.push && may(true), ..grant });
        Ok(self.issue(server, grants.collect()))
    }

    fn issue(&self, server: &TokenServer, grants: Vec<Grant>) -> Vec<u8> {
        let mut tokens = self.tokens();
        tokens.next += 1;
        let name = format!("token-{}", tokens.next);
        let ends = server.life.map(|life| Instant::now() + life);
        tokens.known.insert(name.clone(), Token { grants, ends, uses: server.uses });
        let life = server.stated_life.map_or(String::new(), |life| format!(",\"expires_in\":{life}"));
        format!("{{\"token\":\"{name}\",\"access_token\":\"{name}\"{life}}}").into_bytes()
    }
}
