//! SBOM files of buildpacks: which belong to what, and where they are kept for export.
//!
//! Buildpack specification, "Software-Bill-of-Materials". Refuses formats that are not known, and such that
//! `sbom-formats` of buildpack.toml does not name. The files themselves are copied as they are.

use std::io;
use std::path::{Path, PathBuf};

use baler_cnb::buildpack::escape_id;
use fs_err as fs;

use super::error::{BuildError, BuildpackOutputError};
use super::layers::{Layer, list};

/// A file to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SbomFile {
    source: PathBuf,
    /// Below `<layers>/sbom`.
    destination: PathBuf,
}

/// The known formats: the extension of their files, their media type.
const FORMATS: [(&str, &str); 3] = [
    ("cdx.json", "application/vnd.cyclonedx+json"),
    ("spdx.json", "application/spdx+json"),
    ("syft.json", "application/vnd.syft+json"),
];

/// Finds the SBOM files in the directory of the buildpack `id`.
pub(super) fn find(
    directory: &Path,
    id: &str,
    declared: &[String],
    layers: &[Layer],
) -> Result<Vec<SbomFile>, BuildpackOutputError> {
    let mut paths = list(directory, |name| split_name(name).is_some())?;
    paths.sort();
    let mut files = Vec::new();
    for source in paths {
        let name = source.file_name().and_then(|name| name.to_str());
        let (subject, extension) = name
            .and_then(|name| split_name(name.as_bytes()))
            .ok_or_else(|| BuildpackOutputError::LayerName(source.clone()))?;
        let (subject, extension) = (text(subject), text(extension));
        let format = FORMATS.iter().find(|(known, _)| *known == extension);
        let (_, media_type) = format.ok_or_else(|| BuildpackOutputError::SbomFormat(source.clone()))?;
        if !is_declared(declared, media_type) {
            return Err(BuildpackOutputError::SbomUndeclared { path: source, media_type });
        }
        for destination in destinations(&escape_id(id), subject, extension, layers) {
            files.push(SbomFile { source: source.clone(), destination });
        }
    }
    Ok(files)
}

/// Splits `<subject>.sbom.<extension>`, where the extension ends in `.json`. The subject may have dots.
fn split_name(name: &[u8]) -> Option<(&[u8], &[u8])> {
    const MIDDLE: &[u8] = b".sbom.";
    let at = name.windows(MIDDLE.len()).rposition(|window| window == MIDDLE)?;
    let (subject, extension) = (&name[..at], &name[at + MIDDLE.len()..]);
    extension.ends_with(b".json").then_some((subject, extension))
}

/// Part of a name that was text before it was split at ASCII characters.
fn text(part: &[u8]) -> &str {
    str::from_utf8(part).expect("a part of UTF-8 text between ASCII characters")
}

/// Whether `sbom-formats` names a media type; its parameters do not matter.
fn is_declared(declared: &[String], media_type: &str) -> bool {
    declared
        .iter()
        .any(|format| format.split(';').next().is_some_and(|base| base.trim().eq_ignore_ascii_case(media_type)))
}

/// Where the file of a subject is kept: `launch`, `build` or a layer's name.
fn destinations(buildpack: &str, subject: &str, extension: &str, layers: &[Layer]) -> Vec<PathBuf> {
    let file = format!("sbom.{extension}");
    let of_buildpack = |kind: &str| Path::new(kind).join(buildpack).join(&file);
    if matches!(subject, "launch" | "build") {
        return vec![of_buildpack(subject)];
    }
    let Some(layer) = layers.iter().find(|layer| layer.name == subject) else { return Vec::new() };
    let of_layer = |kind: &str| Path::new(kind).join(buildpack).join(subject).join(&file);
    let mut destinations = vec![of_layer(if layer.types.launch { "launch" } else { "build" })];
    if layer.types.cache {
        destinations.push(of_layer("cache"));
    }
    destinations
}

/// Removes what an earlier build kept.
pub(super) fn clear(layers_directory: &Path) -> Result<(), BuildError> {
    let path = layers_directory.join("sbom");
    match fs::remove_dir_all(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(BuildError::FileSystem { operation: "remove", path, source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Copies all files to `<layers>/sbom`.
pub(super) fn copy_all(files: &[SbomFile], layers_directory: &Path) -> Result<(), BuildError> {
    for SbomFile { source, destination } in files {
        let destination = layers_directory.join("sbom").join(destination);
        copy(source, &destination).map_err(|error| BuildError::FileSystem {
            operation: "keep the SBOM file",
            path: source.clone(),
            source: error,
        })?;
    }
    Ok(())
}

/// Copies the contents; the mode is that of a new file.
fn copy(source: &Path, destination: &Path) -> io::Result<()> {
    fs::create_dir_all(destination.parent().unwrap_or(destination))?;
    io::copy(&mut fs::File::open(source)?, &mut fs::File::create(destination)?).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use baler_cnb::layer::LayerTypes;

    fn layer(name: &str, flags: &str) -> Layer {
        let types = LayerTypes { build: flags.contains('b'), launch: flags.contains('l'), cache: flags.contains('c') };
        Layer { name: name.into(), types, directory: name.into() }
    }

    fn found(names: &[&str], declared: &[&str]) -> Result<Vec<String>, BuildpackOutputError> {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(directory.path().join(name), "{}").unwrap();
        }
        let layers = [
            layer("launched", "l"),
            layer("cached", "c"),
            layer("both", "lc"),
            layer("builds", "b"),
            layer("a.b", "l"),
        ];
        let declared: Vec<_> = declared.iter().map(ToString::to_string).collect();
        let files = find(directory.path(), "test/a", &declared, &layers)?;
        Ok(files.into_iter().map(|file| file.destination.display().to_string()).collect())
    }

    #[test]
    fn files_belong_to_what_their_names_say() {
        let cases: [(&str, &[&str]); 9] = [
            ("launch.sbom.cdx.json", &["launch/test_a/sbom.cdx.json"]),
            ("build.sbom.spdx.json", &["build/test_a/sbom.spdx.json"]),
            ("launched.sbom.syft.json", &["launch/test_a/launched/sbom.syft.json"]),
            ("cached.sbom.cdx.json", &["build/test_a/cached/sbom.cdx.json", "cache/test_a/cached/sbom.cdx.json"]),
            ("both.sbom.cdx.json", &["launch/test_a/both/sbom.cdx.json", "cache/test_a/both/sbom.cdx.json"]),
            ("builds.sbom.cdx.json", &["build/test_a/builds/sbom.cdx.json"]),
            ("a.b.sbom.cdx.json", &["launch/test_a/a.b/sbom.cdx.json"]),
            ("nobody.sbom.cdx.json", &[]),
            ("launch.sbom.cdx", &[]),
        ];
        let all = ["application/vnd.cyclonedx+json", "application/spdx+json; version=2.3", "application/vnd.syft+json"];
        for (name, expected) in cases {
            assert_eq!(found(&[name], &all).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn unknown_and_undeclared_formats_are_refused() {
        let error = found(&["launch.sbom.txt.json"], &[]).unwrap_err();
        assert!(matches!(error, BuildpackOutputError::SbomFormat(_)), "{error}");
        let error = found(&["launch.sbom.cdx.json"], &["application/spdx+json"]).unwrap_err();
        assert!(
            error.to_string().starts_with("undeclared SBOM media type: 'application/vnd.cyclonedx+json'"),
            "{error}"
        );
    }
}
