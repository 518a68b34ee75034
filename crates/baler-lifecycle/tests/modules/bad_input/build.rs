//! Files that build reads, and what buildpacks write.

use super::{CASE, Case};

pub(super) const CASES: &[Case] = &[
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
];
