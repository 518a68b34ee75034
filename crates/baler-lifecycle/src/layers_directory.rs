//! What a buildpack left in its part of the layers directory (buildpack specification, "Layer Types").
//!
//! A layer is a directory, a `<layer>.toml`, or both. `build.toml`, `launch.toml` and `store.toml` are none. A
//! `<layer>.toml` that cannot be read is kept as an error of that layer: whether it matters depends on the phase.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use baler_cnb::group::GroupElement;
use baler_cnb::layer::{LayerFile, LayerFileError, RESERVED_NAMES};
use baler_cnb::metadata::escape_id;
use baler_cnb::store::StoreFile;

use crate::files::{FileError, read_text};

/// A layer's name in messages and in our own records: `buildpack:layer`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerId {
    /// The buildpack's id.
    pub buildpack: String,
    /// The layer's name.
    pub layer: String,
}

/// One layer as it is on disk.
#[derive(Debug)]
pub(crate) struct LayerOnDisk {
    pub(crate) id: LayerId,
    /// Its `<layer>.toml`; the default where there is none.
    pub(crate) file: Result<LayerFile, LayerFileError>,
    /// Whether there is a directory.
    pub(crate) has_contents: bool,
}

/// The part of one buildpack.
#[derive(Debug, Default)]
pub(crate) struct BuildpackDirectory {
    /// Sorted by name.
    pub(crate) layers: Vec<LayerOnDisk>,
    /// `store.toml`.
    pub(crate) store: Option<StoreFile>,
}

/// Why a buildpack's directory could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayersDirectoryError {
    #[error("reading layers for buildpack '{buildpack}'")]
    Read { buildpack: String, source: FileError },
    #[error("failed decoding store.toml for buildpack {buildpack:?}")]
    Store { buildpack: String, source: Box<toml::de::Error> },
    #[error("no layer can have the name '{layer}', which belongs to the buildpack itself: {}", path.display())]
    ReservedName { layer: String, path: PathBuf },
    #[error("buildpack '{buildpack}' has a layer whose name is not UTF-8: {name:?}")]
    Name { buildpack: String, name: PathBuf },
}

impl LayerId {
    pub(crate) fn new(buildpack: &str, layer: &str) -> Self {
        Self { buildpack: buildpack.to_owned(), layer: layer.to_owned() }
    }

    /// `<buildpack>/<layer>` below the layers directory.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new(&escape_id(&self.buildpack)).join(&self.layer)
    }

    /// Its `<layer>.toml` below the layers directory.
    pub(crate) fn toml_path(&self) -> PathBuf {
        Path::new(&escape_id(&self.buildpack)).join(format!("{}.toml", self.layer))
    }

    /// Whether both parts are names of files, and so cannot lead anywhere else, and a layer may have them. Labels and
    /// caches may say anything.
    pub(crate) fn is_safe(&self) -> bool {
        let is_name = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
        is_name(&escape_id(&self.buildpack)) && is_name(&self.layer) && !RESERVED_NAMES.contains(&self.layer.as_str())
    }
}

impl std::fmt::Display for LayerId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.buildpack, self.layer)
    }
}

/// Reads the part of `buildpack` below `layers`; one that is absent is empty.
pub(crate) fn read(layers: &Path, buildpack: &GroupElement) -> Result<BuildpackDirectory, LayersDirectoryError> {
    let failed = |source| LayersDirectoryError::Read { buildpack: buildpack.id.clone(), source };
    let directory = layers.join(escape_id(&buildpack.id));
    let mut names: BTreeMap<String, bool> = BTreeMap::new();
    let mut found = BuildpackDirectory::default();
    for (name, is_directory) in list(&directory).map_err(failed)? {
        let stem = if is_directory { Some(name.as_os_str()) } else { toml_stem(&name) };
        let Some(stem) = stem else { continue };
        let Some(stem) = stem.to_str() else {
            // A directory alone is no layer of anything.
            if is_directory {
                continue;
            }
            return Err(LayersDirectoryError::Name { buildpack: buildpack.id.clone(), name: name.into() });
        };
        match (stem, is_directory) {
            ("store", false) => found.store = read_store(&directory, buildpack)?,
            ("launch" | "build", false) => {}
            (stem, is_directory) => *names.entry(stem.to_owned()).or_default() |= is_directory,
        }
    }
    for (layer, _) in names {
        let path = directory.join(&layer);
        // A link to a directory counts as contents.
        let has_contents = path.exists();
        let text = read_text(&directory.join(format!("{layer}.toml"))).map_err(failed)?;
        let file = text.as_deref().map_or_else(|| Ok(LayerFile::default()), LayerFile::parse);
        if RESERVED_NAMES.contains(&layer.as_str()) {
            // A directory of this name is no layer, unless it is meant to be one.
            if file.is_ok_and(|file| !file.types().is_ignored()) {
                return Err(LayersDirectoryError::ReservedName {
                    path: directory.join(format!("{layer}.toml")),
                    layer,
                });
            }
            continue;
        }
        found.layers.push(LayerOnDisk { id: LayerId::new(&buildpack.id, &layer), file, has_contents });
    }
    Ok(found)
}

fn list(directory: &Path) -> Result<Vec<(std::ffi::OsString, bool)>, FileError> {
    let because = || FileError::because("read directory", directory);
    let entries = match fs_err::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(because())?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(because())?;
        names.push((entry.file_name(), entry.file_type().map_err(because())?.is_dir()));
    }
    Ok(names)
}

fn toml_stem(name: &OsStr) -> Option<&OsStr> {
    let path = Path::new(name);
    (path.extension() == Some(OsStr::new("toml"))).then(|| path.file_stem()).flatten()
}

fn read_store(directory: &Path, buildpack: &GroupElement) -> Result<Option<StoreFile>, LayersDirectoryError> {
    let text = read_text(&directory.join("store.toml"))
        .map_err(|source| LayersDirectoryError::Read { buildpack: buildpack.id.clone(), source })?;
    let parse = |text: String| {
        toml::from_str(&text)
            .map_err(|source| LayersDirectoryError::Store { buildpack: buildpack.id.clone(), source: Box::new(source) })
    };
    text.map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buildpack() -> GroupElement {
        GroupElement { id: "a/b".into(), version: "1".into(), ..GroupElement::default() }
    }

    #[test]
    fn layers_are_directories_and_toml_files() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("a_b");
        fs_err::create_dir_all(directory.join("both")).unwrap();
        fs_err::create_dir_all(directory.join("bare")).unwrap();
        for (name, text) in [
            ("both.toml", "[types]\nlaunch = true\n"),
            ("absent.toml", "[types]\ncache = true\n"),
            ("broken.toml", "[types\n"),
            ("launch.toml", "x"),
            ("build.toml", "x"),
            ("store.toml", "[metadata]\nk = 1\n"),
            ("file", ""),
            ("both.sbom.cdx.json", ""),
        ] {
            fs_err::write(directory.join(name), text).unwrap();
        }
        let found = read(scratch.path(), &buildpack()).unwrap();
        let names: Vec<_> = found.layers.iter().map(|layer| layer.id.to_string()).collect();
        assert_eq!(names, ["a/b:absent", "a/b:bare", "a/b:both", "a/b:broken"]);
        assert_eq!(found.layers.iter().map(|layer| layer.has_contents).collect::<Vec<_>>(), [false, true, true, false]);
        assert!(found.layers[3].file.is_err());
        assert_eq!(found.store.unwrap().metadata["k"].as_integer(), Some(1));
        assert!(read(&scratch.path().join("none"), &buildpack()).unwrap().layers.is_empty());
    }

    #[test]
    fn a_broken_store_is_an_error() {
        let scratch = tempfile::tempdir().unwrap();
        fs_err::create_dir(scratch.path().join("a_b")).unwrap();
        fs_err::write(scratch.path().join("a_b/store.toml"), "not toml").unwrap();
        let error = read(scratch.path(), &buildpack()).unwrap_err();
        assert_eq!(error.to_string(), "failed decoding store.toml for buildpack \"a/b\"");
    }

    #[test]
    fn names_from_labels_cannot_leave_the_directory() {
        assert!(LayerId::new("a/b", "c.d").is_safe());
        for (buildpack, layer) in [("a", ".."), ("a", "x/y"), ("..", "x"), ("", "x"), ("a", ""), ("a", "store")] {
            assert!(!LayerId::new(buildpack, layer).is_safe(), "{buildpack}:{layer}");
        }
    }
}
