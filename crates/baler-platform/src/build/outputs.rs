//! `--sbom-output-dir` and `--report-output-dir`: what a build leaves beside the image (platform-behaviour 4.9).
//!
//! As `docker cp` does: into a directory that is there, or under the name of one that is not; its parent must be.

use std::io;
use std::path::{Path, PathBuf};

use baler_cnb::report::Report;

use super::request::OutputDirectories;

/// Why something could not be written beside the image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    #[error("the directory of {} does not exist", path.display())]
    NoParent { path: PathBuf },
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not make the text of the report")]
    Report { source: toml::ser::Error },
}

/// Finds out before the build whether there is a place for all of it.
pub(crate) fn check(outputs: &OutputDirectories) -> Result<(), OutputError> {
    for path in outputs.sbom.iter().chain(&outputs.report) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !path.is_dir() && !parent.is_dir() {
            return Err(OutputError::NoParent { path: path.clone() });
        }
    }
    Ok(())
}

/// Writes what was asked for.
pub(crate) fn copy(outputs: &OutputDirectories, layers: &Path, report: &Report) -> Result<(), OutputError> {
    if let Some(path) = &outputs.report {
        let text = toml::to_string(report).map_err(|source| OutputError::Report { source })?;
        let path = place(path, "report.toml");
        fs_err::write(&path, text).map_err(|source| OutputError::Write { path, source })?;
    }
    if let Some(path) = &outputs.sbom {
        copy_tree(&layers.join("sbom"), &place(path, "sbom"))?;
    }
    Ok(())
}

fn place(path: &Path, name: &str) -> PathBuf {
    if path.is_dir() { path.join(name) } else { path.to_owned() }
}

/// Directories and plain files; a buildpack could have left a link to anything.
fn copy_tree(from: &Path, to: &Path) -> Result<(), OutputError> {
    fs_err::create_dir_all(to).map_err(|source| OutputError::Write { path: to.to_owned(), source })?;
    let read = |source| OutputError::Read { path: from.to_owned(), source };
    if !from.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(from).map_err(read)? {
        let entry = entry.map_err(read)?;
        let kind = entry.file_type().map_err(read)?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs_err::copy(entry.path(), &target).map_err(|source| OutputError::Write { path: target, source })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn into_a_directory_or_under_its_name() {
        let work = tempfile::tempdir().unwrap();
        let layers = work.path().join("layers");
        fs_err::create_dir_all(layers.join("sbom/launch")).unwrap();
        fs_err::write(layers.join("sbom/launch/sbom.cdx.json"), "{}").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", layers.join("sbom/link")).unwrap();
        fs_err::create_dir(work.path().join("there")).unwrap();
        let outputs =
            OutputDirectories { sbom: Some(work.path().join("new")), report: Some(work.path().join("there")) };
        check(&outputs).unwrap();
        copy(&outputs, &layers, &Report::default()).unwrap();
        assert!(work.path().join("new/launch/sbom.cdx.json").exists());
        assert!(!work.path().join("new/link").exists());
        assert!(work.path().join("there/report.toml").exists());
        let nowhere = OutputDirectories { sbom: Some(work.path().join("absent/x")), report: None };
        assert!(matches!(check(&nowhere), Err(OutputError::NoParent { .. })));
    }
}
