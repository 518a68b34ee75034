//! What was asked.

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
}

impl Request {
    /// Method and path without query, as in `GET /v2/app/manifests/1`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, path, status, authorization, received, sent } = self;
        let who = match authorization {
            Authorization::Absent => "nobody".to_owned(),
            Authorization::Basic(name) => name.clone(),
            Authorization::Bearer => "token".to_owned(),
            Authorization::Other => "unknown".to_owned(),
        };
        write!(formatter, "{status} {method} {path} ({who}, {received} in, {sent} out)")
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
