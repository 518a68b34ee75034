//! Patterns of rules: `*` stands for any text, slashes included.

/// Whether all of `text` fits.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn fit() {
        for (pattern, text) in
            [("*", ""), ("/v2/", "/v2/"), ("*/manifests/*", "/v2/a/b/manifests/1"), ("a*b*c", "a--b--c"), ("*a", "aa")]
        {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("/v2/", "/v2/x"), ("a*a", "a"), ("*/blobs/*", "/v2/a/manifests/1")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}
