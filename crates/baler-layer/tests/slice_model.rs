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

/// `*` and `?` alone, by trying everything.
fn is_match(pattern: &[char], name: &[char]) -> bool {
    match (pattern.first(), name.first()) {
        (None, None) => true,
        (Some('*'), _) => is_match(&pattern[1..], name) || (!name.is_empty() && is_match(pattern, &name[1..])),
        (Some('?'), Some(_)) => is_match(&pattern[1..], &name[1..]),
        (Some(one), Some(other)) if one == other => is_match(&pattern[1..], &name[1..]),
        (Some(_) | None, _) => false,
    }
}

fn has_pattern(slice: &[String], path: &Path) -> bool {
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    slice.iter().any(|pattern| {
        let parts: Vec<_> = pattern.split('/').map(chars).collect();
        path.ancestors().any(|path| {
            let names: Vec<_> = path.iter().map(|name| chars(name.to_str().unwrap())).collect();
            names.len() == parts.len() && names.iter().zip(&parts).all(|(name, part)| is_match(part, name))
        })
    })
}

fn files() -> impl Strategy<Value = BTreeSet<String>> {
    // Directories and files have different names, so that no path is both.
    let path = (prop::collection::vec("[ab]{1,2}", 0..3), "[cd]{1,2}")
        .prop_map(|(directories, file)| directories.into_iter().chain([file]).collect::<Vec<_>>().join("/"));
    prop::collection::btree_set(path, 1..12)
}

fn slices() -> impl Strategy<Value = Vec<Vec<String>>> {
    let pattern = prop::collection::vec("[a-d*?]{1,3}", 1..4).prop_map(|parts| parts.join("/"));
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
        let given: Vec<_> = slices.iter().map(|paths| Slice { paths: paths.clone() }).collect();
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
