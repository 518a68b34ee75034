//! The labels of images and builders, as JSON.
//!
//! Platform specification, "Image labels"; distribution specification. The text of a label is part of an image's
//! digest, so `encode` writes what Go's encoder writes: keys in the order of the types, map keys sorted, `<`, `>`, `&`
//! and the line separators escaped, floats without a fraction as integers.

mod build;
mod builder;
mod lifecycle;

pub use build::{
    BuildLabel, BuildLabelBuildpack, BuildLabelCommand, BuildLabelLauncher, BuildLabelProcess, LauncherGit,
    LauncherSource,
};
pub use builder::{
    ApiLists, ApiPair, BuilderLabel, CreatedBy, LifecycleApis, LifecycleDescription, ModuleLabel, ModuleLayer,
    ModuleLayers, RunImageLabel, StackLabel,
};
pub use lifecycle::{
    BuildpackLayers, CacheMetadata, LayerMetadata, LifecycleMetadata, RunImageForRebase, Sha, StackForRebase,
    StoreLabel,
};

use std::io;

use serde::Serialize;

use crate::order::Group;

/// What export needs of the last build. On app images.
pub const LIFECYCLE_METADATA: &str = "io.buildpacks.lifecycle.metadata";
/// Buildpacks and processes. On app images.
pub const BUILD_METADATA: &str = "io.buildpacks.build.metadata";
/// Where the source came from. On app images.
pub const PROJECT_METADATA: &str = "io.buildpacks.project.metadata";
/// The execution environment of the build, Platform API ≥ 0.15. On app images.
pub const EXEC_ENV: &str = "io.buildpacks.exec-env";
/// `true` or `false`. On base and app images.
pub const REBASABLE: &str = "io.buildpacks.rebasable";
/// Name of the target of a base image.
pub const BASE_ID: &str = "io.buildpacks.base.id";
/// Name of the distribution of a base image.
pub const BASE_DISTRO_NAME: &str = "io.buildpacks.base.distro.name";
/// Version of the distribution of a base image.
pub const BASE_DISTRO_VERSION: &str = "io.buildpacks.base.distro.version";
/// Id of the stack of an old base image.
pub const STACK_ID: &str = "io.buildpacks.stack.id";
/// Mixins of an old base image.
pub const STACK_MIXINS: &str = "io.buildpacks.stack.mixins";
/// What a builder holds. On builders.
pub const BUILDER_METADATA: &str = "io.buildpacks.builder.metadata";
/// Which layer holds which buildpack. On builders and packages.
pub const BUILDPACK_LAYERS: &str = "io.buildpacks.buildpack.layers";
/// Which layer holds which extension. On builders and packages.
pub const EXTENSION_LAYERS: &str = "io.buildpacks.extension.layers";
/// The order. On builders.
pub const BUILDPACK_ORDER: &str = "io.buildpacks.buildpack.order";
/// The order of extensions. On builders.
pub const EXTENSION_ORDER: &str = "io.buildpacks.buildpack.order-extensions";
/// Modules around every group. On builders.
pub const BUILDPACK_SYSTEM: &str = "io.buildpacks.buildpack.system";
/// Metadata of the cache, as a label of a cache image and as a file of a cache directory.
pub const CACHE_METADATA: &str = "io.buildpacks.lifecycle.cache.metadata";
/// The version of a lifecycle image.
pub const LIFECYCLE_VERSION: &str = "io.buildpacks.lifecycle.version";
/// The APIs of a lifecycle image.
pub const LIFECYCLE_APIS: &str = "io.buildpacks.lifecycle.apis";

/// Writes a label's text as Go's `encoding/json` does.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, GoFormatter))?;
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// Writes an order as the label of a builder has it; none is `null`.
pub fn encode_order(order: &[Group]) -> Result<String, serde_json::Error> {
    encode(&(!order.is_empty()).then_some(order))
}

struct GoFormatter;

impl serde_json::ser::Formatter for GoFormatter {
    fn write_f64<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let magnitude = value.abs();
        if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
            let text = format!("{value:e}");
            let text = if text.contains("e-") { text } else { text.replace('e', "e+") };
            return writer.write_all(text.as_bytes());
        }
        write!(writer, "{value}")
    }

    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain_from = 0;
        for (at, character) in fragment.char_indices() {
            if matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
                writer.write_all(&fragment.as_bytes()[plain_from..at])?;
                write!(writer, "\\u{:04x}", u32::from(character))?;
                plain_from = at + character.len_utf8();
            }
        }
        writer.write_all(&fragment.as_bytes()[plain_from..])
    }
}

/// Writes an empty list as null, as Go does for one that was never filled.
pub(crate) fn empty_as_null<S: serde::Serializer, T: Serialize>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    if list.is_empty() { serializer.serialize_none() } else { serializer.collect_seq(list) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_go_escapes_them() {
        let cases = [
            ("a<b>&c", r#""a\u003cb\u003e\u0026c""#),
            ("\u{2028}\u{2029}", r#""\u2028\u2029""#),
            ("\u{8}\u{c}\n\r\t\"\\", r#""\b\f\n\r\t\"\\""#),
            ("\u{1}\u{7f}é", "\"\\u0001\u{7f}é\""),
        ];
        for (text, expected) in cases {
            assert_eq!(encode(text).unwrap(), expected);
        }
        assert_eq!(encode(&std::collections::BTreeMap::from([("<", 1)])).unwrap(), r#"{"\u003c":1}"#);
    }

    #[test]
    fn floats_are_written_as_go_writes_them() {
        let cases = [
            (1.0, "1"),
            (-0.5, "-0.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (0.0, "0"),
        ];
        for (number, expected) in cases {
            assert_eq!(encode(&number).unwrap(), expected);
        }
    }
}
