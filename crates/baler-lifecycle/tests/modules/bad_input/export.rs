//! Export reads what the build left.

use super::{CASE, Case};

pub(super) const CASES: &[Case] = &[
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
];
