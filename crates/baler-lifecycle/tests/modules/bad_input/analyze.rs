//! Analyze looks at images.

use super::{CASE, Case};

pub(super) const CASES: &[Case] = &[
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
    Case {
        phase: "analyze",
        files: &[("layouts/registry.example/run/latest/index.json", Some("{"))],
        code: 32,
        says: &["layouts/registry.example/run/latest"],
        ..CASE
    },
];
