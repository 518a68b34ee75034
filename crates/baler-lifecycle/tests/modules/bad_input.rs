//! Bad input: which exit code each phase ends with, what it says, and that nothing half-written is left. One table.

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

/// An order with an extension.
const WITH_EXTENSION: &str = "[[order]]\n[[order.group]]\nid = \"a\"\nversion = \"1\"\n\
    [[order-extensions]]\n[[order-extensions.group]]\nid = \"x\"\nversion = \"1\"\n";

const EXTENSION: &str = "api = \"0.10\"\n[extension]\nid = \"x\"\nversion = \"1\"\n";

/// So that the files of the build stay what they are.
const APART: &[&str] =
    &["-extensions", "{place}/extensions", "-group", "{place}/other-group.toml", "-plan", "{place}/other-plan.toml"];

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
        ..CASE
    },
    Case {
        phase: "detect",
        files: &[
            ("layers/order.toml", Some(WITH_EXTENSION)),
            ("extensions/x/1/extension.toml", Some("api = \"0.10\"\n[extension]\nid = \"x\"\nversion = 1\n")),
        ],
        arguments: &["-extensions", "{place}/extensions"],
        code: 1,
        says: &["could not read the extension x@1", "extensions/x/1/extension.toml is not valid", "4 | version = 1"],
        ..CASE
    },
    Case {
        phase: "detect",
        files: &[("layers/order.toml", Some(WITH_EXTENSION))],
        arguments: &["-extensions", "{place}/extensions"],
        code: 1,
        says: &["there is no extension x@1", "extensions/x/1/extension.toml"],
        ..CASE
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
    Case {
        phase: "detect",
        files: &[
            ("layers/order.toml", Some(WITH_EXTENSION)),
            ("extensions/x/1/extension.toml", Some(EXTENSION)),
            ("extensions/x/1/bin/detect", Some("#!/bin/sh\n")),
            (
                "extensions/x/1/bin/generate",
                Some("#!/bin/sh\necho '[[build.args' >$CNB_OUTPUT_DIR/extend-config.toml\n"),
            ),
        ],
        arguments: APART,
        code: 92,
        says: &["extend-config.toml", "1 | [[build.args"],
        ..CASE
    },
    Case {
        phase: "detect",
        files: &[
            ("layers/order.toml", Some(WITH_EXTENSION)),
            ("extensions/x/1/extension.toml", Some(EXTENSION)),
            ("extensions/x/1/bin/detect", Some("#!/bin/sh\n")),
            ("extensions/x/1/bin/generate", Some("#!/bin/sh\nexit 7\n")),
        ],
        arguments: APART,
        code: 91,
        says: &["extension x@1 failed", "7"],
        ..CASE
    },
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
    Case {
        phase: "build",
        files: &[("layers/group.toml", Some("[[group]]\nid = []\n"))],
        code: 1,
        says: &["layers/group.toml is not valid", "2 | id = []"],
        ..CASE
    },
    Case {
        phase: "build",
        files: &[("layers/group.toml", Some("[[group]]\nid = \"b\"\nversion = \"1\"\napi = \"0.10\"\n"))],
        code: 52,
        says: &["there is no buildpack b@1", "buildpacks/b/1/buildpack.toml"],
        ..CASE
    },
    Case { phase: "build", files: &[("layers/plan.toml", None)], code: 1, says: &["layers/plan.toml"], ..CASE },
    Case {
        phase: "build",
        files: &[("layers/analyzed.toml", Some("[image]\nreference = 1\n"))],
        code: 1,
        says: &["layers/analyzed.toml is not valid", "2 | reference = 1"],
        ..CASE
    },
    Case {
        phase: "build",
        files: &[("buildpacks/a/1/bin/build", Some("#!/bin/sh\necho '[metadata' >$1/store.toml\n"))],
        code: 52,
        says: &["layers/a/store.toml", "1 | [metadata"],
        ..CASE
    },
    // Names that the specification keeps for files of the buildpack itself.
    Case {
        phase: "build",
        files: &[(
            "buildpacks/a/1/bin/build",
            Some("#!/bin/sh\nmkdir -p $1/launch\nprintf '[types]\\nlaunch = true\\n' >$1/launch.toml\n"),
        )],
        code: 52,
        says: &["no layer can have the name 'launch'", "{place}/layers/a/launch.toml"],
        ..CASE
    },
    Case {
        phase: "build",
        files: &[("buildpacks/a/1/bin/build", Some("#!/bin/sh\nprintf '[types]\\ncache = true\\n' >$1/store.toml\n"))],
        code: 52,
        says: &["no layer can have the name 'store'", "{place}/layers/a/store.toml"],
        ..CASE
    },
    Case {
        phase: "build",
        files: &[("buildpacks/a/1/bin/build", Some("#!/bin/sh\necho {} >$1/launch.sbom.xml.json\n"))],
        code: 52,
        says: &["unsupported SBOM file format: {place}/layers/a/launch.sbom.xml.json"],
        ..CASE
    },
    // The extender without extensions is the builder.
    Case {
        phase: "extend",
        files: &[("layers/group.toml", Some("[[group-extensions]]\nid = 1\n"))],
        code: 1,
        says: &["layers/group.toml is not valid", "2 | id = 1"],
        ..CASE
    },
    Case { phase: "extend", files: &[("layers/group.toml", None)], code: 1, says: &["layers/group.toml"], ..CASE },
    Case { phase: "extend", arguments: &["-kind", "app"], code: 3, says: &["\"app\" is no kind of image"], ..CASE },
    // Restore goes on without what it cannot use.
    Case {
        phase: "restore",
        files: &[("layers/group.toml", Some("[[group]]\nid = 1\n"))],
        code: 1,
        says: &["layers/group.toml is not valid", "2 | id = 1"],
        ..CASE
    },
    Case {
        phase: "restore",
        files: &[("layers/group.toml", Some("[[group]]\nid = \"a\"\nversion = \"1\"\napi = \"7\"\n"))],
        code: 12,
        says: &["set API for buildpack 'a@1'"],
        ..CASE
    },
    Case {
        phase: "restore",
        arguments: &["-cache-dir", "{place}/none"],
        code: 1,
        says: &["there is no cache directory {place}/none"],
        ..CASE
    },
    // What a label says of a layer that no buildpack may have.
    Case {
        phase: "restore",
        files: &[(
            "layers/analyzed.toml",
            Some(
                "[metadata.run-image]\n[[metadata.buildpacks]]\nkey = \"a\"\nversion = \"1\"\n[metadata.buildpacks.layers.store]\nlaunch = true\nsha = \"x\"\n",
            ),
        )],
        ..CASE
    },
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
    Case {
        phase: "export",
        files: &[("layers/analyzed.toml", Some("[run-image]\nextend = 1\n"))],
        code: 1,
        says: &["layers/analyzed.toml is not valid", "2 | extend = 1"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/a/store.toml", Some("[metadata\n"))],
        code: 62,
        says: &["failed decoding store.toml for buildpack \"a\"", "1 | [metadata"],
        ..CASE
    },
    Case {
        phase: "export",
        files: &[("layers/a/launch.toml", Some("[types]\nlaunch = true\n")), ("layers/a/launch/file", Some(""))],
        code: 62,
        says: &["no layer can have the name 'launch'", "{place}/layers/a/launch.toml"],
        ..CASE
    },
    Case { phase: "export", files: &[("layers/group.toml", None)], code: 1, says: &["layers/group.toml"], ..CASE },
    Case { phase: "export", arguments: &["-app", "{place}/none"], code: 62, says: &["{place}/none"], ..CASE },
    Case { phase: "export", arguments: &["-launcher-sbom", "{place}/none"], code: 62, says: &["{place}/none"], ..CASE },
    Case {
        phase: "export",
        arguments: &["-uid", "me"],
        code: 2,
        says: &["invalid value \"me\" for flag -uid"],
        ..CASE
    },
    // A process without a command is the launcher's concern: another one may start.
    Case {
        phase: "export",
        files: &[("layers/config/metadata.toml", Some("[[processes]]\ntype = \"web\"\n"))],
        says: &["Adding layer 'buildpacksio/lifecycle:process-types'"],
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
        ..CASE
    },
    Case {
        phase: "analyze",
        arguments: &["-run", "{place}/run.toml", "-run-image", ""],
        code: 3,
        says: &["-run-image is required when there is no run metadata available"],
        ..CASE
    },
    Case {
        phase: "analyze",
        arguments: &["-run-image", ""],
        environment: &[("CNB_STACK_PATH", "{place}/stack.toml")],
        files: &[("stack.toml", Some("[run-image]\nmirrors = \"x\"\n"))],
        code: 1,
        says: &["stack.toml is not valid", "2 | mirrors = \"x\""],
    },
    // A rebase of what is not there, and of what is no app.
    Case {
        phase: "rebase",
        arguments: &["registry.example/none"],
        code: 72,
        says: &["access image to rebase: image 'registry.example/none' does not exist"],
        ..CASE
    },
    Case {
        phase: "rebase",
        arguments: &["registry.example/run"],
        code: 72,
        says: &["-run-image is required when there is no run image metadata available"],
        ..CASE
    },
    Case {
        phase: "rebase",
        arguments: &["-run-image", "registry.example/none", "registry.example/app:1"],
        code: 72,
        says: &["registry.example/none"],
        ..CASE
    },
    Case {
        phase: "rebase",
        arguments: &["-force", "-report", "/dev/full", "-run-image", "registry.example/run", "registry.example/app:1"],
        code: 72,
        says: &["/dev/full"],
        ..CASE
    },
    // All phases in one.
    Case { phase: "create", files: &[("layers/order.toml", None)], code: 1, says: &["/cnb/order.toml"], ..CASE },
    Case {
        phase: "create",
        files: &[("buildpacks/a/1/bin/detect", Some("#!/bin/sh\nexit 100\n"))],
        code: 20,
        says: &["No buildpack groups passed detection."],
        ..CASE
    },
    Case {
        phase: "create",
        files: &[("buildpacks/a/1/bin/build", Some("#!/bin/sh\nexit 9\n"))],
        code: 51,
        says: &["buildpack a@1 failed"],
        ..CASE
    },
    Case { phase: "create", files: &[("launcher", None)], code: 62, says: &["{place}/launcher"], ..CASE },
    Case {
        phase: "create",
        files: &[("layers/project-metadata.toml", Some("source = 1\n"))],
        code: 1,
        says: &["layers/project-metadata.toml is not valid", "1 | source = 1"],
        ..CASE
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
        for (path, content) in kept {
            match content {
                Some(content) => fs::write(path, content).unwrap(),
                None => drop(fs::remove_file(path)),
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
