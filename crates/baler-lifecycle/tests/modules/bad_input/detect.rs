//! Files that detect reads.

use super::{CASE, Case};

/// An order with an extension.
const WITH_EXTENSION: &str = "[[order]]\n[[order.group]]\nid = \"a\"\nversion = \"1\"\n\
    [[order-extensions]]\n[[order-extensions.group]]\nid = \"x\"\nversion = \"1\"\n";

const EXTENSION: &str = "api = \"0.10\"\n[extension]\nid = \"x\"\nversion = \"1\"\n";

/// So that the files of the build stay what they are.
const APART: &[&str] =
    &["-extensions", "{place}/extensions", "-group", "{place}/other-group.toml", "-plan", "{place}/other-plan.toml"];

pub(super) const CASES: &[Case] = &[
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
];
