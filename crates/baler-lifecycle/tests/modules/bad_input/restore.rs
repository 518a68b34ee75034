//! Restore goes on without what it cannot use.

use super::{CASE, Case};

pub(super) const CASES: &[Case] = &[
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
];
