//! What a registry is started with.

use std::path::PathBuf;
use std::time::Duration;

/// How a registry is started. The default is on loopback, in memory, open to everybody, without TLS.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "registries differ in each of these")]
pub struct Options {
    /// Address and port; port 0 is any that is free.
    pub listen: String,
    pub storage: Storage,
    pub auth: Auth,
    pub tls: Option<Tls>,
    /// Whether it answers at `/referrers/`; without it, clients fall back to tags.
    pub has_referrers: bool,
    /// Whether it takes blobs over from other repositories.
    pub mounts: bool,
    /// Whether a manifest is refused whose blobs are not there.
    pub checks_references: bool,
    /// Whether there is a second address, with a port of its own, that has the same content and refuses requests with
    /// credentials, as the stores behind hosted registries do. [`crate::Fault::ToStorageHost`] leads there.
    pub has_storage_host: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            storage: Storage::Memory,
            auth: Auth::Open,
            tls: None,
            has_referrers: true,
            mounts: true,
            checks_references: true,
            has_storage_host: false,
        }
    }
}

/// Where content is kept.
#[derive(Clone, Debug)]
pub enum Storage {
    Memory,
    /// A directory, which is made where it is not there.
    Directory(PathBuf),
}

/// Who may do what.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Everybody everything.
    Open,
    /// Users with their passwords, with every request.
    Basic(Vec<User>),
    /// Tokens from a server, which is at `/token` of the same address.
    Token(TokenServer),
}

/// Somebody who may log in.
#[derive(Clone)]
pub struct User {
    pub name: String,
    pub password: String,
    pub may_push: bool,
    /// What can be exchanged for tokens in place of name and password.
    pub refresh_token: Option<String>,
}

impl User {
    /// Somebody who may pull and push.
    pub fn new(name: &str, password: &str) -> Self {
        Self { name: name.to_owned(), password: password.to_owned(), may_push: true, refresh_token: None }
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How tokens are given out.
#[derive(Clone, Debug)]
pub struct TokenServer {
    pub users: Vec<User>,
    /// Whether one who does not log in may pull.
    pub anonymous_pull: bool,
    /// What `expires_in` says; nothing is said without it.
    pub stated_life: Option<u64>,
    /// When tokens end in truth.
    pub life: Option<Duration>,
    /// How many requests a token is good for.
    pub uses: Option<usize>,
}

impl TokenServer {
    /// Tokens for an hour; everybody may pull.
    pub fn new(users: Vec<User>) -> Self {
        Self { users, anonymous_pull: true, stated_life: Some(3600), life: None, uses: None }
    }
}

/// A certificate with its chain and its key, as PEM.
#[derive(Clone)]
pub struct Tls {
    pub certificates: Vec<u8>,
    pub key: Vec<u8>,
    /// The authority of the certificates that clients must show.
    pub client_authority: Option<Vec<u8>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tls")
    }
}
