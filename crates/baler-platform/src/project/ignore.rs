//! Which files of an application take part: patterns as `.gitignore` has them, by the rules that pack applies.
//!
//! `*` is anything but a slash, `**/`, `/**` and `/**/` cross directories, a pattern with a leading slash begins at the
//! root and others anywhere, a match of a directory is one of all below it, `!` takes a match back; `?` is a question mark.

/// Which files take part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FileFilter {
    #[default]
    All,
    /// Only those that match.
    Include(Patterns),
    /// All but those that match.
    Exclude(Patterns),
}

impl FileFilter {
    /// Of the two lists one at most is not empty.
    pub(super) fn new(include: &[String], exclude: &[String]) -> Self {
        match (include.is_empty(), exclude.is_empty()) {
            (false, _) => Self::Include(Patterns::new(include)),
            (true, false) => Self::Exclude(Patterns::new(exclude)),
            (true, true) => Self::All,
        }
    }

    /// Whether the file or directory at this path, relative to the application, takes part.
    pub fn keeps(&self, path: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Include(patterns) => patterns.matches(path),
            Self::Exclude(patterns) => !patterns.matches(path),
        }
    }
}

/// A list of patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Empty lines and comments are none.
    pub fn new(lines: &[String]) -> Self {
        Self(lines.iter().filter_map(|line| Pattern::new(line)).collect())
    }

    /// The last pattern that matches decides.
    pub fn matches(&self, path: &[u8]) -> bool {
        let decisive = self.0.iter().rfind(|pattern| pattern.matches(path));
        decisive.is_some_and(|pattern| !pattern.is_negated)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    tokens: Vec<Token>,
    is_negated: bool,
}

/// What a part of a pattern stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// Any bytes but slashes.
    Part,
    /// Nothing, or anything that ends with a slash.
    Directories,
    /// A slash, or anything between two.
    Between,
    /// Nothing, or a slash and anything.
    Below,
    /// Anything.
    Rest,
    /// Nothing, or a slash.
    Root,
    /// One of these bytes, or none of them.
    Class {
        bytes: Vec<u8>,
        is_negated: bool,
    },
}

impl Pattern {
    fn new(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (line, is_negated) = line.strip_prefix('!').map_or((line, false), |rest| (rest, true));
        let line = if line.starts_with("\\#") || line.starts_with("\\!") { &line[1..] } else { line };
        let mut text = line.to_owned();
        // `foo/*.bar` is meant from the root.
        if !text.starts_with('/') && text.split_once('/').is_some_and(|(_, rest)| rest.contains("*.")) {
            text.insert(0, '/');
        }
        if text.starts_with("/**/") {
            text.remove(0);
        }
        let mut tokens = Vec::new();
        let mut rest = text.as_bytes();
        match rest.strip_prefix(b"/") {
            Some(below) if !rest.starts_with(b"/**") => {
                tokens.push(Token::Root);
                rest = below;
            }
            Some(_) | None => tokens.push(Token::Directories),
        }
        while !rest.is_empty() {
            let (token, length) = token(rest);
            tokens.push(token);
            rest = &rest[length..];
        }
        tokens.push(if text.ends_with('/') { Token::Rest } else { Token::Below });
        Some(Self { tokens, is_negated })
    }

    /// Follows all ways at once, so that no pattern takes long.
    fn matches(&self, path: &[u8]) -> bool {
        let mut at = vec![false; path.len() + 1];
        at[0] = true;
        for token in &self.tokens {
            at = token.advance(&at, path);
        }
        at[path.len()]
    }
}

fn token(rest: &[u8]) -> (Token, usize) {
    match rest {
        [b'/', b'*', b'*', b'/', ..] => (Token::Between, 4),
        [b'*', b'*', b'/', ..] => (Token::Directories, 3),
        [b'/', b'*', b'*', ..] => (Token::Below, 3),
        [b'*', ..] => (Token::Part, 1),
        [b'\\', byte, ..] => (Token::Byte(*byte), 2),
        [b'[', ..] => class(rest).unwrap_or((Token::Byte(b'['), 1)),
        [byte, ..] => (Token::Byte(*byte), 1),
        [] => (Token::Rest, 0),
    }
}

/// `[abc]`, `[a-z]`, `[^abc]`.
fn class(rest: &[u8]) -> Option<(Token, usize)> {
    let end = rest.iter().skip(2).position(|byte| *byte == b']')? + 2;
    let inside = &rest[1..end];
    let (inside, is_negated) = match inside {
        [b'^' | b'!', inside @ ..] => (inside, true),
        inside => (inside, false),
    };
    let mut bytes = Vec::new();
    let mut left = inside;
    loop {
        match left {
            [first, b'-', last, more @ ..] if first <= last => {
                bytes.extend(*first..=*last);
                left = more;
            }
            [byte, more @ ..] => {
                bytes.push(*byte);
                left = more;
            }
            [] => return Some((Token::Class { bytes, is_negated }, end + 1)),
        }
    }
}

impl Token {
    /// Where in `path` one can be after the token, having been at `at` before it.
    fn advance(&self, at: &[bool], path: &[u8]) -> Vec<bool> {
        let mut next = vec![false; at.len()];
        for start in (0..at.len()).filter(|start| at[*start]) {
            let rest = &path[start..];
            let slashes = || rest.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(index, _)| index);
            match self {
                Self::Byte(byte) => {
                    if rest.first() == Some(byte) {
                        next[start + 1] = true;
                    }
                }
                Self::Class { bytes, is_negated } => {
                    if rest.first().is_some_and(|byte| bytes.contains(byte) != *is_negated) {
                        next[start + 1] = true;
                    }
                }
                Self::Part => {
                    let length = slashes().next().unwrap_or(rest.len());
                    next[start..=start + length].fill(true);
                }
                Self::Directories => {
                    next[start] = true;
                    slashes().for_each(|index| next[start + index + 1] = true);
                }
                Self::Between if rest.first() == Some(&b'/') => {
                    next[start + 1] = true;
                    slashes().skip(1).for_each(|index| next[start + index + 1] = true);
                }
                Self::Between => {}
                Self::Below => {
                    next[start] = true;
                    if rest.first() == Some(&b'/') {
                        next[start + 1..].fill(true);
                    }
                }
                Self::Rest => next[start..].fill(true),
                Self::Root => {
                    next[start] = true;
                    if rest.first() == Some(&b'/') {
                        next[start + 1] = true;
                    }
                }
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(patterns: &[&str], path: &str) -> bool {
        let lines: Vec<String> = patterns.iter().map(|line| (*line).to_owned()).collect();
        Patterns::new(&lines).matches(path.as_bytes())
    }

    #[test]
    fn as_pack_matches() {
        let cases = [
            ("*.md", "a.md", true),
            ("*.md", "d/a.md", true),
            ("*.md", "a.mdx", false),
            ("/*.md", "d/a.md", false),
            ("d", "d", true),
            ("d", "x/d/y", true),
            ("d/", "d", false),
            ("d/", "d/x/y", true),
            ("/d", "x/d", false),
            ("d/*.md", "d/a.md", true),
            ("d/*.md", "x/d/a.md", false),
            ("d/x", "y/d/x", true),
            ("**/x", "a/b/x", true),
            ("**/x", "x", true),
            ("d/**", "d/a/b", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "ab", false),
            ("/**/x", "a/x", true),
            ("a?", "ab", false),
            ("a?", "a?", true),
            ("[ab].c", "b.c", true),
            ("[^ab].c", "b.c", false),
            ("[a-c]x", "bx", true),
            ("\\#x", "#x", true),
            ("# x", "# x", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("*", "anything/at/all", true),
            ("[", "[", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(matches(&[pattern], path), expected, "{pattern} and {path}");
        }
    }

    #[test]
    fn the_last_pattern_decides() {
        assert!(!matches(&["*.md", "!README.md"], "README.md"));
        assert!(matches(&["!README.md", "*.md"], "README.md"));
        assert!(!matches(&["", "# comment"], "x"));
    }
}
