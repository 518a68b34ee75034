//! All phases in one.

use super::{CASE, Case};

pub(super) const CASES: &[Case] = &[
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
];
