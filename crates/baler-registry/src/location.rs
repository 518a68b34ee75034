//! Absolute `http` and `https` addresses, and the `Location` header that leads from one to the next (RFC 3986, section 5).
//!
//! Printed without query and user part: upload states and signed download addresses carry secrets there.

use std::fmt;

use crate::percent;

/// An absolute address of the web.
#[derive(Clone, PartialEq, Eq)]
pub struct Location {
    is_secure: bool,
    authority: String,
    /// Path and query; begins with a slash.
    target: String,
}

/// Text that is no address of a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a server sent an address that is not one of http or https")]
pub struct InvalidLocation;

impl Location {
    /// An address from its parts; `target` begins with a slash.
    pub fn new(is_secure: bool, authority: &str, target: String) -> Self {
        Self { is_secure, authority: authority.to_owned(), target }
    }

    /// Reads an absolute address. A user part is refused: credentials never come from a server.
    pub fn parse(text: &str) -> Result<Self, InvalidLocation> {
        let (is_secure, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some(_) | None => return Err(InvalidLocation),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(is_allowed) || !is_printable(target) {
            return Err(InvalidLocation);
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { is_secure, authority: authority.to_ascii_lowercase(), target })
    }

    /// Where a `Location` header that came from here leads.
    pub fn join(&self, text: &str) -> Result<Self, InvalidLocation> {
        let text = text.trim();
        if text.is_empty() || !is_printable(text) {
            return Err(InvalidLocation);
        }
        let scheme = if self.is_secure { "https" } else { "http" };
        if let Some(rest) = text.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        // A colon before the first slash ends a scheme.
        if text.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':')) {
            return Self::parse(text);
        }
        let text = text.split('#').next().unwrap_or_default();
        let target = if text.starts_with('/') {
            text.to_owned()
        } else if text.starts_with('?') {
            format!("{}{text}", self.path())
        } else {
            let path = self.path();
            format!("{}{text}", &path[..=path.rfind('/').unwrap_or(0)])
        };
        Ok(Self { target, ..self.clone() })
    }

    /// The same with one more query parameter; `value` is encoded.
    #[must_use]
    pub fn with_query(&self, name: &str, value: &str) -> Self {
        let separator = if self.target.contains('?') { '&' } else { '?' };
        Self { target: format!("{}{separator}{name}={}", self.target, encode(value)), ..self.clone() }
    }

    /// Whether it is one of `https`.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether both lead to the same server under the same protection, so that credentials for one are for the other.
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.is_secure == other.is_secure && self.authority_with_port() == other.authority_with_port()
    }

    /// The same as `from` speaks TLS to the same host: a registry behind a proxy that ends TLS may not know of it.
    #[must_use]
    pub(crate) fn protected_as(self, from: &Self) -> Self {
        let ((host, port), (own_host, own_port)) = (self.host_and_port(), from.host_and_port());
        let is_same = host.eq_ignore_ascii_case(own_host) && (port == 80 || port == own_port);
        if !from.is_secure || self.is_secure || !is_same {
            return self;
        }
        Self { is_secure: true, authority: from.authority.clone(), ..self }
    }

    /// The whole text, with what must not be printed.
    pub(crate) fn reveal(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.target)
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Host, and port where one was given.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The host alone, and the port that it is asked at.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let host_end = self.authority.rfind(']').unwrap_or(0);
        let default = if self.is_secure { 443 } else { 80 };
        match self.authority[host_end..].rfind(':') {
            Some(colon) => {
                let (host, port) = self.authority.split_at(host_end + colon);
                (host, port[1..].parse().unwrap_or(default))
            }
            None => (&self.authority, default),
        }
    }

    fn authority_with_port(&self) -> String {
        let host_end = self.authority.rfind(']').unwrap_or(0);
        let default = if self.is_secure { 443 } else { 80 };
        if self.authority[host_end..].contains(':') {
            self.authority.clone()
        } else {
            format!("{}:{default}", self.authority)
        }
    }
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Percent-encodes what may not stand in a query's value or a form.
pub(crate) fn encode(value: &str) -> String {
    percent::encode(value, |byte| byte.is_ascii_alphanumeric() || b"-._~:/,".contains(&byte))
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority, self.path())?;
        formatter.write_str(if self.target.contains('?') { "?…" } else { "" })
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins() {
        let base = Location::parse("https://r.example/v2/app/blobs/uploads/").unwrap();
        let cases = [
            ("/v2/x?_state=s", "https://r.example/v2/x?_state=s"),
            ("abc", "https://r.example/v2/app/blobs/uploads/abc"),
            ("?a=b", "https://r.example/v2/app/blobs/uploads/?a=b"),
            ("//cdn.example/x", "https://cdn.example/x"),
            ("http://CDN.example:80", "http://cdn.example:80/"),
            ("/x:y#z", "https://r.example/x:y"),
        ];
        for (header, expected) in cases {
            assert_eq!(base.join(header).unwrap().reveal(), expected);
        }
        for header in ["", "ftp://x/", "https://", "https://user@x/", "/a b", "/\u{7f}", "/ä", "javascript:x"] {
            assert_eq!(base.join(header), Err(InvalidLocation), "{header}");
        }
    }

    #[test]
    fn a_registry_that_does_not_know_of_its_tls() {
        let at = |text| Location::parse(text).unwrap();
        let cases = [
            ("http://r.example/v2/x?_state=s", "https://r.example:5000/v2/x?_state=s"),
            ("http://r.example:5000/x", "https://r.example:5000/x"),
            ("http://r.example:5001/x", "http://r.example:5001/x"),
            ("http://other.example/x", "http://other.example/x"),
            ("https://r.example/x", "https://r.example/x"),
        ];
        for (location, expected) in cases {
            assert_eq!(at(location).protected_as(&at("https://r.example:5000/v2/")).reveal(), expected);
        }
        assert_eq!(at("http://r.example/x").protected_as(&at("http://r.example/v2/")).reveal(), "http://r.example/x");
    }

    #[test]
    fn same_server_and_secrets() {
        let at = |text| Location::parse(text).unwrap();
        assert!(at("https://a.example/x").is_same_server(&at("https://a.example:443/y")));
        assert!(!at("https://a.example/x").is_same_server(&at("http://a.example/x")));
        assert!(!at("https://a.example/x").is_same_server(&at("https://a.example:444/x")));
        assert!(at("https://[::1]/x").is_same_server(&at("https://[::1]:443/x")));
        assert_eq!(at("https://a.example/x?token=s3cret").to_string(), "https://a.example/x?…");
        assert_eq!(at("https://a.example/x").with_query("digest", "a b").reveal(), "https://a.example/x?digest=a%20b");
    }
}
