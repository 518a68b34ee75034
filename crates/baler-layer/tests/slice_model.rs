//! Slices against a plain model: each file belongs to the first slice that has a pattern for it or for a directory above
//! it, and to the last layer if none has.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod fixture;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use baler_layer::directory::DirectoryLayer;
use baler_layer::slices::{Slice, plan_slices};
use baler_layer::tar::Owner;
use fixture::Fixture;
use proptest::prelude::*;

/// A piece of a pattern, and what it stands for.
#[derive(Clone, Debug)]
enum Token {
    Char(char),
    /// The same behind a backslash.
    Escaped(char),
    One,
    Any,
    Class {
        is_negated: bool,
        from: char,
        to: char,
    },
}

/// What stands between two slashes.
type Part = Vec<Token>;
type Pattern = Vec<Part>;

fn text(pattern: &Pattern) -> String {
    let token = |token: &Token| match token {
        Token::Char(character) => character.to_string(),
        Token::Escaped(character) => format!("\\{character}"),
        Token::One => "?".to_owned(),
        Token::Any => "*".to_owned(),
        Token::Class { is_negated, from, to } => format!("[{}{from}-{to}]", if *is_negated { "^" } else { "" }),
    };
    pattern.iter().map(|part| part.iter().map(token).collect::<String>()).collect::<Vec<_>>().join("/")
}

/// By trying everything.
fn is_match(part: &[Token], name: &[char]) -> bool {
    let is_one = |token: &Token, found: char| match token {
        Token::Char(character) | Token::Escaped(character) => *character == found,
        Token::One => true,
        Token::Class { is_negated, from, to } => (*from..=*to).contains(&found) != *is_negated,
        Token::Any => false,
    };
    match (part.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((Token::Any, rest)), _) => is_match(rest, name) || (!name.is_empty() && is_match(part, &name[1..])),
        (Some((token, rest)), Some((found, names))) => is_one(token, *found) && is_match(rest, names),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn has_pattern(slice: &[Pattern], path: &Path) -> bool {
    slice.iter().any(|pattern| {
        path.ancestors().any(|path| {
            let names: Vec<Vec<char>> = path.iter().map(|name| name.to_str().unwrap().chars().collect()).collect();
            names.len() == pattern.len() && names.iter().zip(pattern).all(|(name, part)| is_match(part, name))
        })
    })
}

fn files() -> impl Strategy<Value = BTreeSet<String>> {
    // Directories and files have different names, so that no path is both.
    let path = (prop::collection::vec("[ab]{1,2}", 0..3), "[cd]{1,2}")
        .prop_map(|(directories, file)| directories.into_iter().chain([file]).collect::<Vec<_>>().join("/"));
    prop::collection::btree_set(path, 1..12)
}

fn slices() -> impl Strategy<Value = Vec<Vec<Pattern>>> {
    let letter = || prop::char::range('a', 'd');
    let token = prop_oneof![
        3 => letter().prop_map(Token::Char),
        1 => letter().prop_map(Token::Escaped),
        1 => Just(Token::One),
        2 => Just(Token::Any),
        1 => (any::<bool>(), letter(), letter()).prop_map(|(is_negated, one, other)| Token::Class {
            is_negated,
            from: one.min(other),
            to: one.max(other),
        }),
    ];
    let pattern = prop::collection::vec(prop::collection::vec(token, 1..4), 1..4);
    prop::collection::vec(prop::collection::vec(pattern, 0..3), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn files_are_where_the_model_says(files in files(), slices in slices()) {
        let fixture = Fixture::new();
        for file in &files {
            fixture.file(file, b"x", 0o644);
        }
        let (root, path_in_image) = (fixture.path().to_owned(), "/workspace".into());
        let directory = DirectoryLayer { root, path_in_image, mode: None, owner: Owner::ROOT, ancestors: Vec::new() };
        let given: Vec<_> = slices.iter().map(|paths| Slice { paths: paths.iter().map(text).collect() }).collect();
        let layers = plan_slices(&directory, &given).unwrap();
        prop_assert_eq!(layers.len(), slices.len() + 1);
        let mut found = BTreeMap::new();
        for (number, layer) in layers.iter().enumerate() {
            for entry in layer.entries().iter().filter(|entry| fixture.path().join(entry).is_file()) {
                prop_assert_eq!(found.insert(entry.clone(), number), None, "{} is in two layers", entry.display());
            }
        }
        let place = |file: &String| {
            let path = PathBuf::from(file);
            let number = slices.iter().position(|slice| has_pattern(slice, &path)).unwrap_or(slices.len());
            (path, number)
        };
        prop_assert_eq!(found, files.iter().map(place).collect::<BTreeMap<_, _>>());
    }
}
