//! The rules of environment files against a model that knows text alone.

use std::collections::BTreeMap;
use std::ffi::OsString;

use baler_cnb::environment::{Action, Environment};
use proptest::prelude::*;

const SUFFIXES: [&str; 8] = ["", ".append", ".prepend", ".override", ".default", ".delim", ".", ".other"];

/// What the files of one directory do to the variables, said once more in the words of the specification.
fn model(
    mut variables: BTreeMap<String, String>,
    files: &BTreeMap<String, String>,
    unsuffixed: &str,
) -> BTreeMap<String, String> {
    for (file, content) in files {
        let (name, suffix) = file.split_once('.').map_or((file.as_str(), unsuffixed), |(name, suffix)| (name, suffix));
        let given = files.get(&format!("{name}.delim")).map(String::as_str);
        let old = variables.get(name).cloned().unwrap_or_default();
        let joined = |first: &str, delimiter: &str, second: &str| {
            if old.is_empty() { content.clone() } else { format!("{first}{delimiter}{second}") }
        };
        let new = match suffix {
            "override" => content.clone(),
            "default" if old.is_empty() => content.clone(),
            "append" => joined(&old, given.unwrap_or(""), content),
            "prepend" => joined(content, given.unwrap_or(""), &old),
            "" => joined(content, given.unwrap_or(":"), &old),
            _ => continue,
        };
        variables.insert(name.to_owned(), new);
    }
    variables
}

fn variables() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[AB]", "[a-c\n ]{0,3}", 0..3)
}

fn files() -> impl Strategy<Value = BTreeMap<String, String>> {
    let file = ("[AB]", prop::sample::select(&SUFFIXES[..])).prop_map(|(name, suffix)| name + suffix);
    prop::collection::btree_map(file, "[x-z:\n ]{0,3}", 0..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn files_do_what_the_model_does(variables in variables(), files in files(), is_layer: bool) {
        let mut environment: Environment = variables.clone().into_iter().collect();
        let given: Vec<_> = files.iter().rev().map(|(name, text)| (OsString::from(name), text.clone().into_bytes())).collect();
        let (action, unsuffixed) = if is_layer { (Action::Override, "override") } else { (Action::Default, "default") };
        prop_assert!(environment.apply_files(&given, action).is_ok());
        let found: BTreeMap<_, _> = environment
            .iter()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        prop_assert_eq!(found, model(variables, &files, unsuffixed));
    }
}
