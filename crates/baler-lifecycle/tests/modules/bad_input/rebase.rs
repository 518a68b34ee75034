//! A rebase of what is not there, and of what is no app.

use super::{CASE, Case};

pub(super) const CASES: &[Case] = &[
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
];
