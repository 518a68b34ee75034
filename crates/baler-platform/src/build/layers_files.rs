//! TOML files of the layers directory, which code that is not ours may have written: read and written without following
//! a link out of it.

use std::path::{Path, PathBuf};

use baler_lifecycle::{FileError, read_inside, write_file};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longer files are not read.
const LARGEST: u64 = 64 << 20;

/// Why a file of the layers directory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayersFileError {
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{} is not there", path.display())]
    Absent { path: PathBuf },
    #[error("{} is not UTF-8 text", path.display())]
    NotText { path: PathBuf, source: std::string::FromUtf8Error },
    #[error("could not parse {}", path.display())]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("could not make the text of {}", path.display())]
    Serialize { path: PathBuf, source: Box<toml::ser::Error> },
}

/// Reads the file `name` of the layers directory.
pub(super) fn read_toml<T: DeserializeOwned>(layers: &Path, name: &str) -> Result<T, LayersFileError> {
    let path = || layers.join(name);
    let bytes =
        read_inside(layers, Path::new(name), LARGEST)?.ok_or_else(|| LayersFileError::Absent { path: path() })?;
    let text = String::from_utf8(bytes).map_err(|source| LayersFileError::NotText { path: path(), source })?;
    toml::from_str(&text).map_err(|source| LayersFileError::Parse { path: path(), source: Box::new(source) })
}

/// Replaces the file `name` of the layers directory, whatever it was.
pub(super) fn write_toml<T: Serialize>(layers: &Path, name: &str, value: &T) -> Result<(), LayersFileError> {
    let path = layers.join(name);
    let text = toml::to_string(value)
        .map_err(|source| LayersFileError::Serialize { path: path.clone(), source: Box::new(source) })?;
    Ok(write_file(&path, text.as_bytes(), None)?)
}

#[cfg(test)]
mod tests {
    use baler_cnb::group::GroupFile;

    use super::*;

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let (outside, layers) = (scratch.path().join("outside"), scratch.path().join("layers"));
        fs_err::create_dir(&layers).unwrap();
        fs_err::write(&outside, "group = [").unwrap();
        std::os::unix::fs::symlink(&outside, layers.join("group.toml")).unwrap();
        let error = read_toml::<GroupFile>(&layers, "group.toml").unwrap_err();
        assert!(matches!(error, LayersFileError::Absent { .. }), "{error}");
        write_toml(&layers, "group.toml", &GroupFile::default()).unwrap();
        assert_eq!(read_toml::<GroupFile>(&layers, "group.toml").unwrap(), GroupFile::default());
        assert_eq!(fs_err::read_to_string(&outside).unwrap(), "group = [");
    }
}
