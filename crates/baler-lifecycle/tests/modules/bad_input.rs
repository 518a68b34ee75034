//! Bad input: which exit code each phase ends with, what it says, and that nothing half-written is left. One table.

use std::os::unix::fs::PermissionsExt;

use fs_err as fs;

use crate::built::{built, left_behind, run};

/// A phase that is called on a build that is sound but for what was done to it.
struct Case {
    phase: &'static str,
    /// Files that are replaced; `None`: removed.
    files: &'static [(&'static str, Option<&'static str>)],
    arguments: &'static [&'static str],
    code: i32,
    /// What is said.
    says: &'static [&'static str],
}

const CASE: Case = Case { phase: "", files: &[], arguments: &[], code: 0, says: &[] };

const CASES: &[Case] = &[
    // Files that detect reads.
    Case { phase: "detect", files: &[("layers/order.toml", None)], code: 1, says: &["/cnb/order.toml"], ..CASE },
    Case {
        phase: "detect",
        files: &[("layers/order.toml", Some("[[order]]\ngroup = 3\n"))],
        code: 1,
        says: &["layers/order.toml is not valid", "2 | group = 3"],
        ..CASE
    },
    Case {
        phase: "detect",
        files: &[("system.toml", Some("[system\n"))],
        arguments: &["-system", "{place}/system.toml"],
        code: 1,
        says: &["system.toml is not valid", "1 | [system"],
    },
    Case {
        phase: "detect",
        files: &[("layers/analyzed.toml", Some("image = 1\n"))],
        code: 1,
        says: &["layers/analyzed.toml is not valid", "1 | image = 1"],
        ..CASE
    },
    Case {
        phase: "detect",
        files: &[("buildpacks/a/1/buildpack.toml", Some("api = \"0.10\"\n[buildpack]\nid = 1\n"))],
        code: 1,
        says: &["could not read the buildpack a@1", "buildpacks/a/1/buildpack.toml is not valid", "3 | id = 1"],
        ..CASE
    },
    Case {
        phase: "detect",
        files: &[("buildpacks/a/1/buildpack.toml", Some("[buildpack]\nid = \"a\"\nversion = \"1\"\n"))],
        code: 12,
        says: &["parse buildpack API '<nil>' for buildpack 'a@1'"],
        ..CASE
    },
    Case {
        phase: "detect",
        files: &[("buildpacks/a/1/bin/detect", Some("#!/bin/sh\necho '[[requires]\n' >$2\n"))],
        code: 21,
        says: &["err:  a@1", "its build plan cannot be used", "1 | [[requires]"],
        ..CASE
    },
    Case { phase: "detect", arguments: &["-group", "/dev/full"], code: 1, says: &["/dev/full"], ..CASE },
    Case { phase: "detect", arguments: &["-plan", "{place}"], code: 1, says: &["could not write {place}"], ..CASE },
    // Files that build reads, and what buildpacks write.
    Case { phase: "build", files: &[("layers/group.toml", None)], code: 1, says: &["layers/group.toml"], ..CASE },
    Case {
        phase: "build",
        files: &[("layers/plan.toml", Some("[[entries]]\nproviders = 0\n"))],
        code: 1,
        says: &["layers/plan.toml is not valid", "2 | providers = 0"],
        ..CASE
    },
    Case {
        phase: "build",
        files: &[(
            "buildpacks/a/1/bin/build",
            Some("#!/bin/sh\nprintf '[[processes]]\\ntype = 1\\n' >$1/launch.toml\n"),
        )],
        code: 52,
        says: &["layers/a/launch.toml", "2 | type = 1"],
        ..CASE
    },
    Case {
        phase: "build",
        files: &[("buildpacks/a/1/bin/build", Some("#!/bin/sh\necho unmet = 1 >$1/build.toml\n"))],
        code: 52,
        says: &["layers/a/build.toml", "1 | unmet = 1"],
        ..CASE
    },
    Case {
        phase: "build",
        files: &[("buildpacks/a/1/bin/build", Some("#!/bin/sh\necho launch = true >$1/x.toml\n"))],
        code: 52,
        says: &["the launch, cache and build flags should be in the types table of {place}/layers/a/x.toml"],
        ..CASE
    },
    Case {
        phase: "build",
        files: &[("buildpacks/a/1/bin/build", Some("#!/bin/sh\necho '[types' >$1/x.toml\n"))],
        code: 52,
        says: &["layers/a/x.toml", "1 | [types"],
        ..CASE
    },
    // Restore goes on without what it cannot use.
    Case { phase: "restore", files: &[("layers/group.toml", None)], code: 1, says: &["layers/group.toml"], ..CASE },
    Case {
        phase: "restore",
        files: &[("layers/analyzed.toml", Some("["))],
        says: &["Warning: Not using analyzed data", "layers/analyzed.toml is not valid"],
        ..CASE
    },
    Case {
        phase: "restore",
        files: &[("cache/committed/io.buildpacks.lifecycle.cache.metadata", Some("{\"buildpacks\":[{"))],
        says: &["Warning: Not using the cache {place}/cache: its metadata is damaged: EOF"],
        ..CASE
    },
    Case {
        phase: "restore",
        files: &[(
            "cache/committed/io.buildpacks.lifecycle.cache.metadata",
            Some(
                r#"{"buildpacks":[{"key":"a","version":"1","layers":{"../x":{"sha":"sha256:0","cache":true},"y":{"sha":"none","cache":true}}}]}"#,
            ),
        )],
        says: &["Warning: Skipping restore for layer a:y: the cache names it by a digest that is none"],
        ..CASE
    },
    // Export reads what the build left.
    Case {
        phase: "export",
        files: &[("layers/group.toml", Some("group"))],
        code: 1,
        says: &["layers/group.toml is not valid"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/analyzed.toml", None)],
        code: 3,
        says: &["layers/analyzed.toml"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/analyzed.toml", Some("[image]\n"))],
        code: 3,
        says: &["run image not found in analyzed metadata"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/config/metadata.toml", None)],
        code: 62,
        says: &["layers/config/metadata.toml"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/config/metadata.toml", Some("processes = 1\n"))],
        code: 62,
        says: &["layers/config/metadata.toml", "is not valid: line 1: 'processes' must be an array of tables"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/a/kept.toml", Some("[types]\nlaunch = 1\n"))],
        code: 62,
        says: &["failed to parse metadata for layers '[a:kept]'", "2 | launch = 1"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/a/other.toml", Some("[types]\nlaunch = true\n"))],
        code: 62,
        says: &["a:other"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/config/metadata.toml", Some("[[processes]]\ntype = \"a/b\"\ncommand = [\"x\"]\n"))],
        code: 62,
        says: &["a/b"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/project-metadata.toml", Some("source = 1\n"))],
        code: 1,
        says: &["layers/project-metadata.toml is not valid", "1 | source = 1"],
        ..CASE
    },
    Case { phase: "export", files: &[("launcher", None)], code: 62, says: &["{place}/launcher"], ..CASE },
    Case {
        phase: "export",
        arguments: &["-report", "/dev/full"],
        code: 62,
        says: &["failed to write export report", "/dev/full"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/config/metadata.toml", Some("[[slices]]\npaths = [\"[\"]\n"))],
        code: 62,
        says: &["bad pattern '['"],
        ..CASE
    },
    // What slices name outside of the app is not there.
    Case {
        phase: "export",
        files: &[("layers/config/metadata.toml", Some("[[slices]]\npaths = [\"../launcher\", \"/etc/*\"]\n"))],
        says: &["Added 2/2 app layer(s)"],
        ..CASE
    },
    // Analyze looks at images.
    Case {
        phase: "analyze",
        arguments: &["-analyzed", "/dev/full"],
        code: 1,
        says: &["failed to write analyzed metadata", "/dev/full"],
        ..CASE
    },
    Case {
        phase: "analyze",
        arguments: &["-previous-image", "UPPER/@"],
        code: 3,
        says: &["could not parse reference: UPPER/@"],
        ..CASE
    },
    Case {
        phase: "analyze",
        arguments: &["-run", "{place}/run.toml", "-run-image", ""],
        files: &[("run.toml", Some("[[images]]\nimage = 1\n"))],
        code: 1,
        says: &["run.toml is not valid", "2 | image = 1"],
    },
    Case {
        phase: "analyze",
        files: &[("layouts/registry.example/run/latest/index.json", Some("{"))],
        code: 32,
        says: &["layouts/registry.example/run/latest"],
        ..CASE
    },
];

#[test]
fn each_has_its_exit_code_and_names_the_file() {
    let Some(place) = built() else { return };
    let root = place.path("").to_string_lossy().trim_end_matches('/').to_owned();
    let mut wrong = Vec::new();
    for case in CASES {
        let kept: Vec<_> =
            case.files.iter().map(|(name, _)| (place.path(name), fs::read(place.path(name)).ok())).collect();
        for (name, text) in case.files {
            match text {
                Some(text) => {
                    place.write(name, text);
                    let mode = if name.contains("/bin/") { 0o755 } else { 0o666 };
                    fs::set_permissions(place.path(name), PermissionsExt::from_mode(mode)).unwrap();
                }
                None => fs::remove_file(place.path(name)).unwrap(),
            }
        }
        let arguments: Vec<_> = case.arguments.iter().map(|argument| argument.replace("{place}", &root)).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let (code, output) = run(&place, case.phase, &arguments).unwrap();
        let about = format!("{} {:?} {:?}\n{output}", case.phase, case.files, case.arguments);
        let missing = case.says.iter().map(|text| text.replace("{place}", &root)).find(|text| !output.contains(text));
        if code != Some(case.code) || missing.is_some() || !left_behind(&place).is_empty() {
            wrong.push(format!(
                "{about}exit code {code:?}, missing: {missing:?}, left behind: {:?}\n",
                left_behind(&place)
            ));
        }
        for (path, content) in kept {
            match content {
                Some(content) => fs::write(path, content).unwrap(),
                None => drop(fs::remove_file(path)),
            }
        }
        fs::remove_file(place.path("layers/a/x.toml")).unwrap_or_default();
        fs::remove_file(place.path("layers/a/launch.toml")).unwrap_or_default();
        fs::remove_file(place.path("layers/a/build.toml")).unwrap_or_default();
        fs::set_permissions(place.path("buildpacks/a/1/bin/build"), PermissionsExt::from_mode(0o755)).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
