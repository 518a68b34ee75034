//! TOML files of the specifications, read and written.
//!
//! An error names the file, and its source shows the line. Files are written whole: to another name first, which is
//! then renamed, except where the path is no ordinary file.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a TOML file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadTomlError {
    /// There is none, or it may not be read.
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// What is in it is not TOML, or not what the specification says.
    #[error("{} is not valid", path.display())]
    Invalid { path: PathBuf, source: toml::de::Error },
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteFileError {
    /// The file system refused.
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The value has no form in TOML.
    #[error("could not express {} in TOML", path.display())]
    Serialize { path: PathBuf, source: toml::ser::Error },
}

impl ReadTomlError {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a file that must be there.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, ReadTomlError> {
    let text = read_text(path)?;
    toml::from_str(&text).map_err(|source| ReadTomlError::Invalid { path: path.to_owned(), source })
}

/// Reads a file that may be missing.
pub fn read_optional_toml<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ReadTomlError> {
    match read_toml(path) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the text of a file.
pub fn read_text(path: &Path) -> Result<String, ReadTomlError> {
    // The plain function: `fs_err` would name the path a second time.
    #[expect(clippy::disallowed_methods, reason = "the error names the path itself")]
    std::fs::read_to_string(path).map_err(|source| ReadTomlError::Read { path: path.to_owned(), source })
}

/// Writes a value as a TOML file.
pub fn write_toml<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<(), WriteFileError> {
    let text = toml::to_string(value).map_err(|source| WriteFileError::Serialize { path: path.to_owned(), source })?;
    write_whole(path, text.as_bytes())
}

/// Writes a file, and the directories above it where they are missing. Other processes see the old contents or the new.
pub fn write_whole(path: &Path, contents: &[u8]) -> Result<(), WriteFileError> {
    let result = match temporary_name(path) {
        Some(temporary) => write_and_rename(path, &temporary, contents),
        None => write_in_place(path, contents),
    };
    result.map_err(|source| WriteFileError::Write { path: path.to_owned(), source })
}

/// A name beside `path`; `None` where `path` exists and is no ordinary file, such as a pipe.
fn temporary_name(path: &Path) -> Option<PathBuf> {
    let is_special = fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let name = path.file_name().filter(|_| !is_special)?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.new", std::process::id()));
    Some(path.with_file_name(temporary))
}

fn write_and_rename(path: &Path, temporary: &Path, contents: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    if let Err(error) = fs::write(temporary, contents) {
        let _ = fs::remove_file(temporary);
        // The directory may be closed to us while the file is open.
        return if path.exists() { write_in_place(path, contents) } else { Err(error) };
    }
    if let Err(error) = fs::rename(temporary, path) {
        let _ = fs::remove_file(temporary);
        // A file that is a mount point cannot be replaced.
        let is_mounted = error.kind() == io::ErrorKind::ResourceBusy;
        return if is_mounted { write_in_place(path, contents) } else { Err(error) };
    }
    Ok(())
}

fn write_in_place(path: &Path, contents: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().write(true).truncate(true).create(true).open(path)?.write_all(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_shown_with_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("order.toml");
        fs::write(&path, "[[order]]\nkey = [[\n").unwrap();
        let error = read_toml::<baler_cnb::order::OrderFile>(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("{} is not valid", path.display()));
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("line 2") && source.contains("key = [[") && source.contains('^'), "{source}");
    }

    #[test]
    fn a_missing_file_may_be_nothing() {
        let path = Path::new("/nowhere/order.toml");
        assert_eq!(read_optional_toml::<baler_cnb::order::OrderFile>(path).unwrap(), None);
        assert!(read_toml::<baler_cnb::order::OrderFile>(path).unwrap_err().is_missing());
    }

    #[test]
    fn files_are_replaced_and_nothing_is_left_beside_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/group.toml");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_whole(&link, b"three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
    }
}
