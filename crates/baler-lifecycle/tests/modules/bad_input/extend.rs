//! The extender without extensions is the builder.

use super::{CASE, Case};

pub(super) const CASES: &[Case] = &[
    Case {
        phase: "extend",
        files: &[("layers/group.toml", Some("[[group-extensions]]\nid = 1\n"))],
        code: 1,
        says: &["layers/group.toml is not valid", "2 | id = 1"],
        ..CASE
    },
    Case { phase: "extend", files: &[("layers/group.toml", None)], code: 1, says: &["layers/group.toml"], ..CASE },
    Case { phase: "extend", arguments: &["-kind", "app"], code: 3, says: &["\"app\" is no kind of image"], ..CASE },
];
