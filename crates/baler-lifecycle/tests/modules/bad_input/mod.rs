//! Bad input: which exit code each phase ends with, what it says, and that nothing half-written is left. A table for each.

mod analyze;
mod build;
mod create;
mod detect;
mod export;
mod extend;
mod rebase;
mod restore;

use std::os::unix::fs::PermissionsExt;

use fs_err as fs;

use crate::built::{built, left_behind, prepared};
use crate::programs::outcome;

/// A phase that is called on a build that is sound but for what was done to it.
struct Case {
    phase: &'static str,
    /// Files that are replaced; `None`: removed.
    files: &'static [(&'static str, Option<&'static str>)],
    arguments: &'static [&'static str],
    /// Variables beside those of all calls.
    environment: &'static [(&'static str, &'static str)],
    code: i32,
    /// What is said.
    says: &'static [&'static str],
}

const CASE: Case = Case { phase: "", files: &[], arguments: &[], environment: &[], code: 0, says: &[] };

/// As they come in a build.
const PHASES: [&[Case]; 8] = [
    detect::CASES,
    build::CASES,
    extend::CASES,
    restore::CASES,
    export::CASES,
    analyze::CASES,
    rebase::CASES,
    create::CASES,
];

#[test]
fn each_has_its_exit_code_and_names_the_file() {
    let Some(place) = built() else { return };
    let root = place.path("").to_string_lossy().trim_end_matches('/').to_owned();
    let mut wrong = Vec::new();
    for case in PHASES.into_iter().flatten() {
        let kept: Vec<_> = case.files.iter().map(|(name, _)| (name, fs::read(place.path(name)).ok())).collect();
        for (name, text) in case.files {
            match text {
                Some(text) if name.contains("/bin/") => place.program(name, text),
                Some(text) => {
                    place.write(name, text);
                    fs::set_permissions(place.path(name), PermissionsExt::from_mode(0o666)).unwrap();
                }
                None => fs::remove_file(place.path(name)).unwrap(),
            }
        }
        let arguments: Vec<_> = case.arguments.iter().map(|argument| argument.replace("{place}", &root)).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut command = prepared(&place, case.phase, &arguments).unwrap();
        command.envs(case.environment.iter().map(|(name, value)| (name, value.replace("{place}", &root))));
        let (code, output) = outcome(&mut command);
        let about = format!("{} {:?} {:?}\n{output}", case.phase, case.files, case.arguments);
        let missing = case.says.iter().map(|text| text.replace("{place}", &root)).find(|text| !output.contains(text));
        if code != Some(case.code) || missing.is_some() || !left_behind(&place).is_empty() {
            wrong.push(format!(
                "{about}exit code {code:?}, missing: {missing:?}, left behind: {:?}\n",
                left_behind(&place)
            ));
        }
        for (name, content) in kept {
            match content {
                Some(content) if name.contains("/bin/") => place.program(name, &String::from_utf8(content).unwrap()),
                Some(content) => fs::write(place.path(name), content).unwrap(),
                None => drop(fs::remove_file(place.path(name))),
            }
        }
        for name in ["x.toml", "launch.toml", "build.toml", "store.toml", "launch.sbom.xml.json"] {
            fs::remove_file(place.path("layers/a").join(name)).unwrap_or_default();
        }
        fs::remove_dir_all(place.path("layers/a/launch")).unwrap_or_default();
        fs::set_permissions(place.path("buildpacks/a/1/bin/build"), PermissionsExt::from_mode(0o755)).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
