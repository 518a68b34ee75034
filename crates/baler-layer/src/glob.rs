//! Patterns as Go's `filepath.Match` has them: `*`, `?`, `[a-z]`, `[^…]`, `\` escapes; none of them matches `/`, and `**`
//! is nothing special. Text is compared by character; bytes that are not UTF-8 count as one character each.

/// A malformed pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// Whether `pattern` matches the whole of `name`. The whole pattern is checked even where `name` cannot match.
pub fn matches(pattern: &[u8], name: &[u8]) -> Result<bool, BadPattern> {
    todo!()
}
