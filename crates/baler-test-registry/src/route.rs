//! Paths of the distribution specification ("Endpoints").

/// What a path is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Base,
    Token,
    Catalog,
    Tags { name: &'a str },
    Manifest { name: &'a str, reference: &'a str },
    Blob { name: &'a str, digest: &'a str },
    Uploads { name: &'a str },
    Upload { name: &'a str, id: &'a str },
    Referrers { name: &'a str, digest: &'a str },
    Unknown,
}

impl<'a> Route<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        if path == "/token" {
            return Self::Token;
        }
        let Some(rest) = path.strip_prefix("/v2/").or_else(|| path.strip_prefix("/v2")) else { return Self::Unknown };
        if rest.is_empty() {
            return Self::Base;
        }
        if rest == "_catalog" {
            return Self::Catalog;
        }
        let route = Self::below(rest);
        if route.name().is_some_and(is_name) { route } else { Self::Unknown }
    }

    fn below(rest: &'a str) -> Self {
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Self::Tags { name };
        }
        if let Some(name) = rest.strip_suffix("/blobs/uploads/").or_else(|| rest.strip_suffix("/blobs/uploads")) {
            return Self::Uploads { name };
        }
        let Some((head, last)) = rest.rsplit_once('/') else { return Self::Unknown };
        if let Some(name) = head.strip_suffix("/blobs/uploads") {
            return Self::Upload { name, id: last };
        }
        if let Some(name) = head.strip_suffix("/manifests") {
            return Self::Manifest { name, reference: last };
        }
        if let Some(name) = head.strip_suffix("/blobs") {
            return Self::Blob { name, digest: last };
        }
        if let Some(name) = head.strip_suffix("/referrers") {
            return Self::Referrers { name, digest: last };
        }
        Self::Unknown
    }

    /// The repository.
    pub(crate) fn name(self) -> Option<&'a str> {
        match self {
            Self::Tags { name }
            | Self::Manifest { name, .. }
            | Self::Blob { name, .. }
            | Self::Uploads { name }
            | Self::Upload { name, .. }
            | Self::Referrers { name, .. } => Some(name),
            Self::Base | Self::Token | Self::Catalog | Self::Unknown => None,
        }
    }
}

/// A repository's name ("Pulling manifests"): parts of lower-case letters and digits, with separators between.
pub(crate) fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        let ends_well = |byte: Option<&u8>| byte.is_some_and(|byte| is_letter(*byte));
        ends_well(bytes.first())
            && ends_well(bytes.last())
            && bytes.iter().all(|byte| is_letter(*byte) || b"._-".contains(byte))
    };
    name.len() <= 255 && name.split('/').all(is_part)
}

/// A tag: at most 128 letters, digits and `._-`, beginning with a letter, a digit or `_`.
pub(crate) fn is_tag(tag: &str) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = tag.as_bytes();
    bytes.len() <= 128
        && bytes.first().is_some_and(is_word)
        && bytes.iter().all(|byte| is_word(byte) || b".-".contains(byte))
}

/// The value of a query's parameter, decoded.
pub(crate) fn query(target: &str, name: &str) -> Option<String> {
    queries(target, name).next()
}

/// All values of a parameter of a query or a form.
pub(crate) fn queries<'a>(target: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    fields(query, name)
}

/// All values of a field of a form.
pub(crate) fn fields<'a>(form: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| decoded(value))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match (first, code.and_then(|code| u8::from_str_radix(code, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let cases = [
            ("/v2/", Route::Base),
            ("/v2", Route::Base),
            ("/token", Route::Token),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/a/b/tags/list", Route::Tags { name: "a/b" }),
            ("/v2/tags/list/manifests/1", Route::Manifest { name: "tags/list", reference: "1" }),
            ("/v2/blobs/uploads/blobs/uploads/", Route::Uploads { name: "blobs/uploads" }),
            ("/v2/a/blobs/uploads/x", Route::Upload { name: "a", id: "x" }),
            ("/v2/a/blobs/sha256:x", Route::Blob { name: "a", digest: "sha256:x" }),
            ("/v2/a/referrers/sha256:x", Route::Referrers { name: "a", digest: "sha256:x" }),
            ("/v2/A/manifests/1", Route::Unknown),
            ("/v2/../manifests/1", Route::Unknown),
            ("/", Route::Unknown),
        ];
        for (path, expected) in cases {
            assert_eq!(Route::of(path), expected, "{path}");
        }
    }

    #[test]
    fn parameters() {
        assert_eq!(query("/x?a=1&mount=sha256%3Aab&b=c+d%", "mount"), Some("sha256:ab".to_owned()));
        assert_eq!(query("/x?a=1&b=c+d%", "b"), Some("c d%".to_owned()));
        assert_eq!(query("/x", "b"), None);
        assert!(is_tag("v1.0_x-y") && !is_tag(".x") && !is_tag("") && !is_tag("a/b"));
    }
}
