//! Puts what extensions wrote where the extender looks for it.
//!
//! From Platform API 0.13 on that is `<generated>/<extension>/`, where it already lies; before,
//! `<generated>/run/<extension>/Dockerfile` and `<generated>/build/<extension>/Dockerfile`.

use std::path::Path;

use baler_cnb::features::PlatformFeatures;
use baler_dockerfile::Kind;
use fs_err as fs;

use super::output::{EXTEND_CONFIG, Output};
use crate::files::{FileError, remove_tree};

/// The end of the name of a Dockerfile that has no effect.
const IGNORED: &str = ".ignore";

/// Puts all of it in its place. `ignored` are the outputs whose run.Dockerfile has no effect.
pub(super) fn place(
    outputs: &[Output],
    ignored: &[usize],
    generated: &Path,
    features: PlatformFeatures,
) -> Result<(), FileError> {
    for (at, output) in outputs.iter().enumerate() {
        let is_ignored = |kind| kind == Kind::Run && ignored.contains(&at);
        for kind in [Kind::Run, Kind::Build] {
            if !features.generated_per_extension {
                copy_dockerfile(output, kind, generated, is_ignored(kind))?;
            } else if is_ignored(kind) {
                let path = output.directory.join(kind.file_name());
                let aside = output.directory.join(format!("{}{IGNORED}", kind.file_name()));
                fs::rename(&path, &aside).map_err(FileError::because("put aside", &path))?;
            }
        }
    }
    Ok(())
}

fn copy_dockerfile(output: &Output, kind: Kind, generated: &Path, is_ignored: bool) -> Result<(), FileError> {
    let directory = generated.join(kind.to_string()).join(&output.directory_name);
    // An earlier run may have left one.
    remove_tree(&directory)?;
    if output.dockerfile(kind).is_none() {
        return Ok(());
    }
    fs::create_dir_all(&directory).map_err(FileError::because("create directory", &directory))?;
    let name = if is_ignored { format!("Dockerfile{IGNORED}") } else { "Dockerfile".to_owned() };
    copy_file(&output.directory.join(kind.file_name()), &directory.join(name))?;
    let config = output.directory.join(EXTEND_CONFIG);
    if config.exists() { copy_file(&config, &directory.join(EXTEND_CONFIG)) } else { Ok(()) }
}

fn copy_file(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::copy(from, to).map(drop).map_err(FileError::because("copy", from))
}

/// Copies the files, directories and links below `from` into the directory `to`.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<(), FileError> {
    let because = || FileError::because("copy", from);
    for entry in fs::read_dir(from).map_err(because())? {
        let entry = entry.map_err(because())?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(because())?;
        if kind.is_dir() {
            fs::create_dir(&target).map_err(FileError::because("create directory", &target))?;
            copy_tree(&source, &target)?;
        } else if kind.is_symlink() {
            let link = fs::read_link(&source).map_err(FileError::because("read", &source))?;
            fs::os::unix::fs::symlink(link, &target).map_err(FileError::because("write", &target))?;
        } else {
            copy_file(&source, &target)?;
        }
    }
    Ok(())
}
