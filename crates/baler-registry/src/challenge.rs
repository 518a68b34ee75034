//! The `WWW-Authenticate` header (RFC 9110, section 11.6.1): which way of logging in a registry asks for.
//!
//! Unknown schemes and parameters are passed over; a header that breaks the grammar ends the reading, and what was read
//! before stays. Nothing here can fail: a registry whose challenge cannot be read is one that refuses.

/// How a registry wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token from another server.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

/// The challenges of one header's value, in the order in which they stand there.
pub fn parse_challenges(header: &str) -> Vec<Challenge> {
    let mut reader = Reader { rest: header };
    let mut found = Vec::new();
    while let Some(scheme) = reader.scheme() {
        let parameters = reader.parameters();
        let value = |name: &str| {
            let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
            parameters.iter().find(named).map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("basic") {
            found.push(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = value("realm")
        {
            found.push(Challenge::Bearer { realm, service: value("service"), scope: value("scope") });
        }
    }
    found
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, characters: &[char]) {
        self.rest = self.rest.trim_start_matches(characters);
    }

    fn token(&mut self) -> Option<&'a str> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let end = self.rest.bytes().position(|byte| !is_token(byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    fn scheme(&mut self) -> Option<&'a str> {
        // An equals sign is what is left of a token68.
        self.skip(&[' ', '\t', ',', '=']);
        self.token()
    }

    fn parameters(&mut self) -> Vec<(String, String)> {
        let mut parameters = Vec::new();
        loop {
            self.skip(&[' ', '\t', ',']);
            let before = self.rest;
            let Some(name) = self.token() else { break };
            self.skip(&[' ', '\t']);
            let Some(rest) = self.rest.strip_prefix('=') else {
                // A token without a value is the next scheme, or a token68 of a scheme that is not known.
                self.rest = before;
                break;
            };
            self.rest = rest;
            self.skip(&[' ', '\t']);
            let Some(value) = self.value() else { break };
            parameters.push((name.to_owned(), value));
        }
        parameters
    }

    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return self.token().map(str::to_owned);
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        self.rest = "";
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Challenge::Bearer { realm: realm.to_owned(), service: owned(service), scope: owned(scope) }
    }

    #[test]
    fn reads_what_registries_send() {
        let realm = "https://auth.example/token";
        let cases = [
            ("Basic realm=\"registry\"", vec![Challenge::Basic]),
            ("basic", vec![Challenge::Basic]),
            (
                "Bearer realm=\"https://auth.example/token\",service=\"r\",scope=\"repository:a/b:pull,push\"",
                vec![bearer(realm, Some("r"), Some("repository:a/b:pull,push"))],
            ),
            ("bearer Realm = \"https://auth.example/token\" , SERVICE=r", vec![bearer(realm, Some("r"), None)]),
            ("Negotiate, Basic realm=\"x\", Bearer realm=\"y\"", vec![Challenge::Basic, bearer("y", None, None)]),
            ("Negotiate YWJj==, Basic realm=\"x\"", vec![Challenge::Basic]),
            ("Bearer realm=\"a\\\"b\"", vec![bearer("a\"b", None, None)]),
        ];
        for (header, expected) in cases {
            assert_eq!(parse_challenges(header), expected, "{header}");
        }
    }

    #[test]
    fn survives_what_is_no_header() {
        for header in ["", ",", "\"", "Bearer", "Bearer realm", "Bearer realm=", "Bearer realm=\"x", "Bearer \\", "é=é"]
        {
            assert_eq!(parse_challenges(header), [], "{header}");
        }
    }
}
