//! What was asked.

use std::sync::Arc;

/// A request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    /// Of the answer; 0 where the connection ended without one.
    pub status: u16,
    pub authorization: Authorization,
    /// The bytes of the request's body.
    pub received: u64,
    /// The bytes of the answer's body, as they were meant to be sent.
    pub sent: u64,
    /// Whether it came to the storage host.
    pub is_at_storage_host: bool,
    /// The fault that befell it, where that was given as text.
    pub fault: Option<Arc<str>>,
}

impl Request {
    /// Method and path without query, as in `GET /v2/app/manifests/1`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, path, status, authorization, received, sent, is_at_storage_host, fault } = self;
        let who = match authorization {
            Authorization::Absent => "nobody".to_owned(),
            Authorization::Basic(name) => name.clone(),
            Authorization::Bearer => "token".to_owned(),
            Authorization::Other => "unknown".to_owned(),
        };
        let place = if *is_at_storage_host { " at the storage host" } else { "" };
        match status {
            0 => formatter.write_str("---")?,
            status => write!(formatter, "{status}")?,
        }
        write!(formatter, " {method} {path}{place} ({who}, {received} in, {sent} out)")?;
        fault.as_ref().map_or(Ok(()), |fault| write!(formatter, " fault {fault}"))
    }
}

/// How somebody said who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    Absent,
    /// User and password; the user's name.
    Basic(String),
    Bearer,
    Other,
}
