//! Patterns as Go's `filepath.Match` has them: `*`, `?`, `[a-z]`, `[^…]`, `\` escapes; none of them matches `/`, and `**`
//! is nothing special. Text is compared by character; bytes that are not UTF-8 count as one character each.

/// A malformed pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// What a pattern consists of.
#[derive(Debug)]
enum Piece {
    /// `*`
    Run,
    /// `?`
    Any,
    Literal(u8),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Whether `pattern` matches the whole of `name`. The whole pattern is checked even where `name` cannot match.
pub fn matches(pattern: &[u8], name: &[u8]) -> Result<bool, BadPattern> {
    Ok(match_all(&parse(pattern)?, name))
}

fn parse(pattern: &[u8]) -> Result<Vec<Piece>, BadPattern> {
    let mut rest = pattern;
    let mut pieces = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        pieces.push(match first {
            b'*' => Piece::Run,
            b'?' => Piece::Any,
            b'[' => parse_class(&mut rest)?,
            b'\\' => {
                let (escaped, after) = rest.split_first().ok_or(BadPattern)?;
                rest = after;
                Piece::Literal(*escaped)
            }
            literal => Piece::Literal(*literal),
        });
    }
    Ok(pieces)
}

/// Parses after the opening bracket. A class has at least one range, so `]` cannot be its first character.
fn parse_class(rest: &mut &[u8]) -> Result<Piece, BadPattern> {
    let negated = skip(rest, b'^');
    let mut ranges = Vec::new();
    while ranges.is_empty() || !skip(rest, b']') {
        let low = class_character(rest)?;
        let high = if skip(rest, b'-') { class_character(rest)? } else { low };
        ranges.push((low, high));
    }
    Ok(Piece::Class { negated, ranges })
}

/// One end of a range, which may be escaped.
fn class_character(rest: &mut &[u8]) -> Result<char, BadPattern> {
    if matches!(rest.first(), Some(b'-' | b']')) {
        return Err(BadPattern);
    }
    skip(rest, b'\\');
    let (character, length) = decode(rest).ok_or(BadPattern)?;
    *rest = &rest[length..];
    character.ok_or(BadPattern)
}

fn skip(rest: &mut &[u8], byte: u8) -> bool {
    let found = rest.first() == Some(&byte);
    if found {
        *rest = &rest[1..];
    }
    found
}

/// The first character and its length; none in place of a byte that is not UTF-8.
fn decode(bytes: &[u8]) -> Option<(Option<char>, usize)> {
    bytes.first()?;
    let character = (1..=bytes.len().min(4)).find_map(|length| std::str::from_utf8(&bytes[..length]).ok());
    Some(character.and_then(|text| text.chars().next()).map_or((None, 1), |found| (Some(found), found.len_utf8())))
}

/// Tries each `*` at its shortest first. Going back to the last one is enough, since whatever an earlier one could give
/// up, the last can take.
fn match_all(pieces: &[Piece], name: &[u8]) -> bool {
    let (mut piece, mut position) = (0, 0);
    let mut last_run: Option<(usize, usize)> = None;
    loop {
        match pieces.get(piece) {
            Some(Piece::Run) => {
                piece += 1;
                last_run = Some((piece, position));
                continue;
            }
            Some(single) => {
                if let Some(length) = match_one(single, &name[position..]) {
                    piece += 1;
                    position += length;
                    continue;
                }
            }
            None if position == name.len() => return true,
            None => {}
        }
        let Some((after_run, start)) = last_run else { return false };
        if matches!(name.get(start), None | Some(b'/')) {
            return false;
        }
        last_run = Some((after_run, start + 1));
        (piece, position) = (after_run, start + 1);
    }
}

/// How many bytes at the beginning of `rest` the piece matches.
fn match_one(piece: &Piece, rest: &[u8]) -> Option<usize> {
    let (character, length) = decode(rest)?;
    match piece {
        Piece::Run => None,
        Piece::Any => (rest[0] != b'/').then_some(length),
        Piece::Literal(literal) => (rest[0] == *literal).then_some(1),
        Piece::Class { negated, ranges } => {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            let is_inside = ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
            (is_inside != *negated).then_some(length)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, name: &str) -> Option<bool> {
        matches(pattern.as_bytes(), name.as_bytes()).ok()
    }

    #[test]
    fn patterns_match_as_in_go() {
        let cases = [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[\\-]", "-", true),
            ("[x\\-]", "x", true),
            ("[x\\-]", "z", false),
            ("[\\-x]", "a", false),
            ("*x", "xxx", true),
            ("**", "a/b", false),
            ("**", "ab", true),
            ("", "", true),
            ("", "a", false),
            ("[^a]", "/", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(check(pattern, name), Some(expected), "{pattern} {name}");
        }
    }

    #[test]
    fn malformed_patterns_are_errors() {
        for pattern in ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "b*[", "[a", "[\\"] {
            assert_eq!(check(pattern, "a"), None, "{pattern}");
        }
        assert_eq!(matches(b"[\xff]", b"a"), Err(BadPattern));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_characters() {
        assert_eq!(matches(b"?", b"\xff"), Ok(true));
        assert_eq!(matches(b"[^a]x", b"\xffx"), Ok(true));
        assert_eq!(matches(b"\xff*", b"\xfftail"), Ok(true));
    }

    proptest! {
        #[test]
        fn an_escaped_name_matches_itself(name in ".{0,20}") {
            let escaped: String = name.chars().flat_map(|character| ['\\', character]).collect();
            prop_assert_eq!(check(&escaped, &name), Some(true));
        }

        #[test]
        fn any_pattern_gives_an_answer(pattern in prop::collection::vec(any::<u8>(), 0..30), name in "[a-c/*]{0,12}") {
            let _ = matches(&pattern, name.as_bytes());
        }

        #[test]
        fn stars_match_whatever_has_no_slash(parts in prop::collection::vec("[a-c]{0,3}", 1..5), fill in "[a-c]{0,3}") {
            prop_assert_eq!(check(&parts.join("*"), &parts.join(&fill)), Some(true));
        }
    }
}
